// What was sent, its state and its points; deleting and exporting.
import { ask } from "../messages";
import { database, type Sent } from "../storage/db";
import { button, byId, dateText, make } from "./dom";
import { localize, nameOf, text } from "./localize";

localize(document);

const STATES = new Set(["submitted", "accepted", "rejected", "withdrawn"]);
const POLL_MS = 2_000;

const points = (millipoints: number): string =>
  new Intl.NumberFormat(chrome.i18n.getUILanguage(), { maximumFractionDigits: 3 }).format(millipoints / 1_000);

async function show(): Promise<void> {
  const open = await database();
  const sent = (await open.getAll("sent")).sort((left, right) => right.sentAt - left.sentAt);
  const waiting = await open.count("outbox");
  byId("waiting").textContent = waiting ? text("waiting", String(waiting)) : "";
  byId("rows").replaceChildren(...sent.map(row));
  byId("none").hidden = sent.length > 0;
  byId("table").hidden = sent.length === 0;
}

function row(sent: Sent): Node {
  const state = STATES.has(sent.state) ? text(`sent_${sent.state}`) : sent.state;
  const remove = button(text("delete_work", sent.task), async () => {
    await ask({ kind: "withdraw", id: sent.id });
    await show();
  }, "small danger");
  return make(
    "tr",
    { id: `sent-${sent.id}` },
    make("th", { scope: "row" }, sent.task || text("content_deleted")),
    make("td", {}, dateText(sent.sentAt)),
    make("td", {}, state, sent.reasons.length ? ` (${sent.reasons.map((code) => nameOf("reason", code)).join(", ")})` : null),
    make("td", { class: "number" }, points(sent.millipoints)),
    make("td", {}, sent.state === "withdrawn" ? null : remove),
  );
}

async function refresh(): Promise<void> {
  await ask({ kind: "refresh" });
  await show();
}

async function download(): Promise<void> {
  const everything = await ask<unknown>({ kind: "export" });
  const url = URL.createObjectURL(new Blob([JSON.stringify(everything, null, 1)], { type: "application/json" }));
  const link = make("a", { href: url, download: "action-model-export.json" }) as HTMLAnchorElement;
  link.click();
  URL.revokeObjectURL(url);
}

async function removeAll(): Promise<void> {
  if (!window.confirm(text("delete_all_sure"))) return;
  await ask({ kind: "withdraw-all" });
  await show();
}

byId("actions").replaceChildren(
  button(text("refresh"), refresh),
  button(text("export"), download),
  button(text("delete_all"), removeAll, "danger"),
);
await show();

// Verdicts come within seconds; look until nothing is undecided any more.
async function follow(): Promise<void> {
  const open = await database();
  const undecided = (await open.getAll("sent")).some((sent) => sent.state === "submitted");
  const waiting = (await open.count("outbox")) > 0;
  if ((undecided || waiting) && document.visibilityState === "visible") await refresh().catch(show);
  setTimeout(() => void follow(), POLL_MS);
}
void follow();
