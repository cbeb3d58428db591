"""Heavy use of a busy page: what a person does who works fast, with real input events.

The page has a list of 400 rows that is made anew on every key, choice and tab, and a ticker that
changes four times a second. `Use` moves the pointer at 60 Hz, types ten characters a second,
presses, scrolls and changes tabs without a pause.
"""

import time
from random import Random

from playwright.sync_api import Page

ROWS = 400
MOVES_PER_SECOND = 60
KEYS_PER_SECOND = 10
WORDS = ("oslo", "lamp", "invoice", "green", "meeting", "report", "paper", "travel")

PAGE = """<!doctype html><meta charset=utf-8><title>Orders</title>
<style>body { font: 14px sans-serif } li { display: flex; gap: 1em } nav button { padding: 6px }</style>
<nav id=tabs><button>Open</button><button>Paid</button><button>Late</button></nav>
<label>Search <input id=search></label> <label>Note <textarea id=note rows=3></textarea></label>
<p>Now: <output id=clock></output></p><ul id=list></ul>
<script>
const words = "oslo lamp invoice green meeting report paper travel".split(" ");
const list = document.getElementById("list"), search = document.getElementById("search");
let tab = 0;
function draw() {
  list.replaceChildren(...Array.from({ length: ROWS }, (_, n) => n)
    .filter((n) => !search.value || words[(n + tab) % 8].startsWith(search.value[0]))
    .map((n) => {
      const row = document.createElement("li");
      row.innerHTML = `<input type=checkbox aria-label="Choose ${n}"><span class=name>Order ${n}</span>
        <span>${words[(n + tab) % 8]}</span><button class=see>Show order ${n}</button>`;
      return row;
    }));
}
search.addEventListener("input", draw);
[...document.querySelectorAll("#tabs button")].forEach((button, n) =>
  button.addEventListener("click", () => { tab = n; draw(); }));
for (const name of ["pointermove", "pointerdown", "pointerup", "click", "keydown", "keyup", "input", "wheel"])
  document.addEventListener(name, () => undefined, { passive: true });
setInterval(() => { document.getElementById("clock").textContent = String(Date.now()); }, 250);
draw();
</script>""".replace("ROWS", str(ROWS), 1)  # noqa: E501 - a page


class Use:
    """Somebody at the page; the same seed does the same."""

    def __init__(self, page: Page, seed: int) -> None:
        self._page = page
        self._random = Random(seed)
        self._at = (300.0, 300.0)

    def go_on(self, seconds: float) -> None:
        """Work until that long is over, to the end of what was begun then."""
        until = time.monotonic() + seconds
        rounds = (self._search, self._choose, self._scroll, self._change_tab, self._write)
        number = 0
        while time.monotonic() < until:
            rounds[number % len(rounds)]()
            number += 1

    def _search(self) -> None:
        self._press("#search")
        self._page.keyboard.press("Control+A")
        self._type(self._random.choice(WORDS))

    def _choose(self) -> None:
        for _ in range(3):
            rows = self._page.locator("#list li")
            row = rows.nth(self._random.randrange(min(8, rows.count())))
            self._press_at(
                row.locator("input, button").nth(self._random.randrange(2)).bounding_box()
            )

    def _scroll(self) -> None:
        for direction in (1, 1, 1, -1, -1, -1):
            self._page.mouse.wheel(0, 240 * direction)
            self._page.wait_for_timeout(150)

    def _change_tab(self) -> None:
        self._press(f"#tabs button:nth-child({self._random.randrange(1, 4)})")

    def _write(self) -> None:
        self._press("#note")
        self._type(" ".join(self._random.sample(WORDS, 3)))

    def _type(self, text: str) -> None:
        self._page.keyboard.type(text, delay=1000 / KEYS_PER_SECOND)

    def _press(self, selector: str) -> None:
        self._press_at(self._page.locator(selector).bounding_box())

    def _press_at(self, box: dict[str, float] | None) -> None:
        if box is None:
            return
        self._move((box["x"] + box["width"] / 2, box["y"] + box["height"] / 2))
        self._page.mouse.down()
        self._page.wait_for_timeout(self._random.randint(60, 120))
        self._page.mouse.up()

    def _move(self, to: tuple[float, float], seconds: float = 0.6) -> None:
        """A straight path at 60 Hz, by the clock whatever a call takes."""
        started, (x, y) = time.monotonic(), self._at
        while (part := (time.monotonic() - started) / seconds) < 1:
            self._page.mouse.move(x + (to[0] - x) * part, y + (to[1] - y) * part)
            time.sleep(1 / MOVES_PER_SECOND)
        self._page.mouse.move(*to)
        self._at = to
