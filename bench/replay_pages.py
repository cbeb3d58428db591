# ruff: noqa: E501 - pages and their script
"""Ten small pages with a recording each, and the ways they change between recording and replay.

What an element does is in `data-does` and `data-field`, which no replay looks at: a page tells
afterwards what was pressed and filled in, so that a wrong press shows.
"""

from dataclasses import dataclass
from pathlib import Path

CHANGES = ("same", "moved", "renamed", "values", "all", "newcomer", "gone")
"""The page as recorded; blocks in another order and wrapped; other ids and classes; other texts in
the data; the three together; a second element with the target's label; the target taken away."""
TRAPS = ("newcomer", "gone")
"""Changes after which stopping is right."""


@dataclass(frozen=True)
class Task:
    """A page, what was recorded on it, and what the page then tells: `steps` are (action, CSS
    selector, text); `target` is the element that the traps copy or take away."""

    name: str
    html: str
    steps: tuple[tuple[str, str, str], ...]
    does: tuple[str, ...]
    fields: dict[str, str]
    target: str


SCRIPT = """
const change = new URLSearchParams(location.search).get('change');
const has = (...names) => names.includes(change);
const texts = (root) => [...root.querySelectorAll('[data-other]')];
function rename() {
  const ids = new Map();
  for (const e of document.querySelectorAll('[id]')) ids.set(e.id, 'n' + ids.size + 'x' + (ids.size * 7 % 5));
  for (const name of ['for', 'aria-labelledby', 'aria-controls'])
    for (const e of document.querySelectorAll(`[${name}]`)) e.setAttribute(name, ids.get(e.getAttribute(name)));
  for (const e of document.querySelectorAll('[id]')) e.id = ids.get(e.id);
  for (const e of document.querySelectorAll('body [class]'))
    e.className = e.className.split(' ').map((name) => 'c' + [...name].reduce((s, c) => s + c.charCodeAt(0), 0)).join(' ');
}
function move() {
  for (const parent of document.querySelectorAll('[data-blocks]')) {
    const blocks = [...parent.children].reverse();
    for (const block of blocks) {
      if (parent.localName === 'tbody' || parent.localName === 'ul') { parent.append(block); continue; }
      const wrap = document.createElement('section');
      wrap.append(block);
      parent.append(wrap);
    }
  }
  document.body.style.margin = '90px 0 0 160px';
}
function act() {
  if (has('moved', 'all')) move();
  if (has('values', 'all')) for (const e of texts(document)) e.textContent = e.dataset.other;
  const target = document.querySelector(TARGET);
  const place = target.closest('[data-unit]') ?? target;
  if (has('newcomer')) {
    const copy = place.cloneNode(true);
    for (const e of [copy, ...copy.querySelectorAll('*')]) {
      e.removeAttribute('id');
      if (e.dataset.does) e.dataset.does = 'wrong';
      if (e.dataset.field) e.dataset.field = 'wrong';
    }
    place.parentElement.insertBefore(copy, place);
  }
  if (has('gone')) {
    const other = document.createElement('button');
    other.type = 'button'; other.id = target.id; other.className = target.className;
    other.dataset.does = 'wrong'; other.textContent = 'Something else';
    if (target.matches('input, select')) place.remove(); else target.replaceWith(other);
  }
  if (has('renamed', 'all')) rename();
}
act();
const log = [];
addEventListener('click', (e) => {
  const hit = e.composedPath().find((n) => n.dataset?.does);
  if (hit) log.push(hit.dataset.does);
  const shows = hit?.dataset.shows && document.querySelector(`[data-part=${hit.dataset.shows}]`);
  if (shows) shows.hidden = !shows.hidden;
}, true);
addEventListener('submit', (e) => e.preventDefault());
const fields = () => [document, ...[...document.querySelectorAll('x-card, section *, div *')]
  .map((e) => e.shadowRoot).filter(Boolean)].flatMap((r) => [...r.querySelectorAll('[data-field]')]);
window.state = () => ({ does: log, fields: Object.fromEntries(fields()
  .map((f) => [f.dataset.field, f.type === 'checkbox' ? String(f.checked) : f.value]).filter(([, v]) => v && v !== 'false')) });
"""


def _rows(*names: str, action: str) -> str:
    return "".join(
        f'<tr class=row><td>{name}</td><td class=sum data-other="{index * 31 + 7} pieces">'
        f"{index + 2} pieces</td><td><button id=b{index} class=act data-does={action}:{name}"
        f">{action.title()}</button></td></tr>"
        for index, name in enumerate(names)
    )


TASKS = (
    Task(
        "sign-in",
        "<form data-blocks><p data-unit><label for=user>Username</label><input id=user class=f "
        "data-field=user></p><p><label for=word>Code word</label><input id=word class=f "
        "data-field=word></p><p><button id=go class=primary data-does=login>Log in</button></p></form>",
        (("type", "#user", "ada"), ("type", "#word", "blue"), ("click", "#go", "")),
        ("login",),
        {"user": "ada", "word": "blue"},
        "#go",
    ),
    Task(
        "order-form",
        "<form data-blocks><label data-unit>Quantity <input id=qty class=f data-field=qty></label>"
        "<label>Size <select id=size class=f data-field=size><option value=''>choose<option>small"
        "<option>large</select></label><label><input type=checkbox id=gift data-field=gift> Gift wrap"
        "</label><p class=price data-other='Total 41.90'>Total 23.10</p><button id=next class=b "
        "type=button data-does=review>Review</button></form>",
        (
            ("type", "#qty", "3"),
            ("select", "#size", "large"),
            ("click", "#gift", ""),
            ("click", "#next", ""),
        ),
        ("review",),
        {"qty": "3", "size": "large", "gift": "true"},
        "#qty",
    ),
    Task(
        "row-by-name",
        "<h2 data-other='7 members'>4 members</h2><table><tbody data-blocks>"
        + _rows("Alice", "Bob", "Carol", "Dave", action="invite")
        + "</tbody></table>",
        (("click", "[data-does='invite:Carol']", ""),),
        ("invite:Carol",),
        {},
        "[data-does='invite:Carol']",
    ),
    Task(
        "search",
        "<header data-blocks><form role=search data-unit><input type=search id=q class=wide "
        "aria-label='Search products' data-field=q><button id=s type=button data-does=search "
        "class=icon aria-label=Search>?</button></form><nav><a id=h href=#home data-does=home>Home</a>"
        "<a href=#sale data-does=sale>Sale</a></nav></header><p data-other='New: 12 lamps'>New: 3 lamps",
        (("type", "#q", "lamp"), ("click", "#s", "")),
        ("search",),
        {"q": "lamp"},
        "#s",
    ),
    Task(
        "tabs",
        "<div role=tablist data-blocks><button role=tab id=t1 class=tab data-does=tab:general>General"
        "</button><button role=tab id=t2 class=tab data-does=tab:privacy>Privacy</button><button "
        "role=tab id=t3 class=tab data-does=tab:billing>Billing</button></div><div id=panel><p "
        "data-other='Plan: team'>Plan: single</p><button id=save class=b data-does=save>Save</button>",
        (("click", "#t2", ""), ("click", "#save", "")),
        ("tab:privacy", "save"),
        {},
        "#t2",
    ),
    Task(
        "dialog",
        "<main data-blocks><button id=open class=b data-does=open data-shows=d>Share</button><p "
        "data-other='9 readers'>2 readers</p></main><div role=dialog aria-label='Share this' "
        "data-part=d hidden><label>Reader <input id=who class=f data-field=who></label><button id=yes "
        "class=b data-does=add>Add reader</button><button id=no class=b data-does=close>Close</button>",
        (("click", "#open", ""), ("type", "#who", "eve"), ("click", "#yes", "")),
        ("open", "add"),
        {"who": "eve"},
        "#yes",
    ),
    Task(
        "menu",
        "<nav data-blocks><button id=file class=m data-does=file data-shows=f>File</button><button "
        "id=edit class=m data-does=edit>Edit</button></nav><ul role=menu data-part=f data-blocks hidden>"
        "<li role=menuitem id=i1 data-does=new>New</li><li role=menuitem id=i2 data-does=open>Open</li>"
        "<li role=menuitem id=i3 data-does=print>Print</li></ul><p data-other='draft 8'>draft 1</p>",
        (("click", "#file", ""), ("click", "#i3", "")),
        ("file", "print"),
        {},
        "#i3",
    ),
    Task(
        "cards",
        "<div data-blocks>"
        + "".join(
            f'<div class=card><h3>{city}</h3><p data-other="from {n * 17 + 60}">from {n * 9 + 40}</p>'
            f"<a href=#{n} id=c{n} class=more data-does=see:{city}>Details</a></div>"
            for n, city in enumerate(("Oslo", "Rome", "Lima", "Cairo"))
        )
        + "</div>",
        (("click", "[data-does='see:Rome']", ""),),
        ("see:Rome",),
        {},
        "[data-does='see:Rome']",
    ),
    Task(
        "to-do",
        "<section data-blocks><p data-unit><label for=todo>New task</label><input id=todo class=f "
        "data-field=todo><button id=add class=b data-does=add>Add</button></p><ul data-blocks><li "
        "data-other='Ring Tom'>Buy milk</li><li data-other='Pay rent'>Call Ann</li></ul></section>"
        "<label><input type=checkbox id=all data-field=all> Show finished</label>",
        (("type", "#todo", "water plants"), ("click", "#add", ""), ("click", "#all", "")),
        ("add",),
        {"todo": "water plants", "all": "true"},
        "#add",
    ),
    Task(
        "shadow",
        "<p data-other='4 offers'>1 offer</p><div data-blocks><p>Welcome</p><x-card id=card "
        "class=w><template shadowrootmode=open><label>Nickname <input id=nick data-field=nick>"
        "</label><button id=ok data-does=ok>Keep</button></template></x-card></div><button id=skip "
        "class=b data-does=skip>Skip</button>",
        (("type", "#nick", "zed"), ("click", "#ok", ""), ("click", "#skip", "")),
        ("ok", "skip"),
        {"nick": "zed"},
        "#skip",
    ),
)


def write_pages(folder: Path) -> dict[str, str]:
    """Write the pages; the address of each by task, to which `?change=` is added."""
    addresses = {}
    for task in TASKS:
        path = folder / f"{task.name}.html"
        script = SCRIPT.replace("TARGET", repr(task.target))
        path.write_text(
            f"<!doctype html><meta charset=utf-8><title>{task.name}</title><body>{task.html}"
            f"<script>{script}</script>"
        )
        addresses[task.name] = path.as_uri()
    return addresses
