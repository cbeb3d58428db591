// Polls: asking, voting by signature, and the standings while a poll is open.
import { api } from "./api";
import { attribute, enable, value, type Run } from "./forms";
import { pageNow, repeat } from "./renewal";
import { signTypedData, type TypedData } from "./signing";
import { UserError } from "./site";
import { watchTables } from "./tables";
import { connectAnyone } from "./wallet";
import { _ } from "./words";

const REFRESH_MILLISECONDS = 5000;

/** Open a poll, and go to its page. */
export async function openPoll(run: Run): Promise<void> {
  const { id } = await api<{ id: string }>("POST", "polls", {
    title: value(run, "title"),
    body: value(run, "body"),
    options: value(run, "options").split("\n").map((line) => line.trim()).filter((line) => line !== ""),
    method: value(run, "method"),
    duration_seconds: Number(value(run, "duration_seconds")),
  });
  location.assign(`/polls/${id}`);
}

/** What a ballot names, from the fields of its options: numbers of options, or weights. */
export function choiceOf(method: string, fields: string[]): number[] {
  const numbers = fields.map(Number);
  if (method === "ranked") return ranking(numbers);
  if (method === "weighted" && numbers.every((each) => each === 0)) {
    throw new UserError(_("Give at least one option more than 0."));
  }
  if (numbers.length === 0) throw new UserError(_("Choose at least one option."));
  return numbers;
}

/** Options in the order of their places; 0 is left out. */
function ranking(places: number[]): number[] {
  const named = places.map((place, option) => ({ place, option })).filter(({ place }) => place > 0);
  if (named.length === 0) throw new UserError(_("Put at least one option in first place."));
  if (new Set(named.map(({ place }) => place)).size < named.length) {
    throw new UserError(_("Two options have the same place."));
  }
  return named.sort((a, b) => a.place - b.place).map(({ option }) => option);
}

/** Sign a ballot and hand it in. Needs no account here: the wallet's votes are what counts. */
export async function voteInPoll(run: Run): Promise<void> {
  const path = `polls/${attribute(run.form, "poll")}`;
  const choice = choiceOf(attribute(run.form, "method"), run.values.getAll("choice").map(String));
  const wallet = await connectAnyone();
  const voter = wallet.account.address;
  const asked = await api<{ typed_data: TypedData; issued_at: number }>(
    "POST",
    `${path}/typed-data`,
    { voter, choice },
  );
  const signature = await signTypedData(run, asked.typed_data, wallet);
  run.say(_("Handing in your vote…"));
  await api("POST", `${path}/ballots`, { voter, choice, issued_at: asked.issued_at, signature });
  await refresh();
  enable(run.form);
  run.say(_("Your vote is in."));
}

/** Show the standings as the server has them now, or the whole page anew when the poll is over. */
async function refresh(): Promise<void> {
  const shown = document.getElementById("live");
  const fresh = (await pageNow())?.getElementById("live");
  if (!shown || !fresh || fresh.innerHTML === shown.innerHTML) return;
  if (fresh.dataset.state !== shown.dataset.state) location.reload();
  const isOpen = shown.querySelector("details")?.open ?? false;
  shown.replaceChildren(...fresh.childNodes);
  shown.querySelector("details")?.toggleAttribute("open", isOpen);
  watchTables(shown);
}

/** Keep the standings of a poll that is not published yet up to date. */
export function followPoll(): void {
  const state = document.getElementById("live")?.dataset.state;
  if (state && state !== "published") repeat(refresh, REFRESH_MILLISECONDS);
}
