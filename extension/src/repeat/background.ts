// The service worker's part in repeating: which run is in which tab, how far it is, and recording
// the use of a published automation with the service, once.
import { answer } from "../messages";
import { call, problemText, sendPacked } from "../background/service";
import { gzip } from "../storage/packed";
import { blockedCategory } from "../privacy/blocklist";
import { stored } from "../storage/settings";
import type { Decision, Reply } from "./decide";
import { resumed, type Run, type RunMessage } from "./run";

const FILE = "repeat.js";
const ALARM = "uses";
const RETRY_MINUTES = 1;

type Of<K extends RunMessage["kind"]> = Extract<RunMessage, { kind: K }>;

/** A run of a published automation that the service has not been told of yet. */
interface Use {
  id: string;
  automation: number;
  actions: number;
  outcome: "succeeded" | "failed" | "cancelled";
}

async function current(): Promise<Run | null> {
  const { repeat } = await chrome.storage.session.get<{ repeat?: Run }>("repeat");
  return repeat ?? null;
}

async function keep(repeat: Run): Promise<void> {
  await chrome.storage.session.set({ repeat });
}

async function start({ run }: Of<"repeat-start">): Promise<void> {
  const before = await current();
  if (before && !before.end) throw new Error(chrome.i18n.getMessage("repeat_busy", [before.title]));
  const tab = await chrome.tabs.get(run.tab);
  const address = tab.url ?? "";
  if (tab.incognito || !/^https?:/.test(address)) throw new Error(chrome.i18n.getMessage("repeat_no_page"));
  if (await blockedCategory(address)) throw new Error(chrome.i18n.getMessage("repeat_blocked"));
  await keep({ ...run, begun: false, done: 0, taken: [], end: null });
  await chrome.tabs.update(run.tab, { active: true });
  await inject(run.tab);
}

async function inject(tab: number): Promise<void> {
  await chrome.scripting.executeScript({ target: { tabId: tab }, files: [FILE] });
}

/** The run in the tab that asks, from where it is now. */
async function join(_: Of<"repeat-join">, sender: chrome.runtime.MessageSender): Promise<Run | null> {
  const run = await current();
  if (!run || run.end || sender.tab?.id !== run.tab) return null;
  if (await blockedCategory(sender.tab.url ?? "")) {
    await end({ kind: "repeat-end", run: run.id, how: "stopped", detail: "" });
    return null;
  }
  const going = resumed(run);
  await keep(going);
  return going;
}

async function progress({ run: id, ...how }: Of<"repeat-progress">): Promise<void> {
  const run = await current();
  if (run?.id !== id || run.end) return;
  const { steps, begun, done, taken } = how;
  await keep({ ...run, steps, begun, done, taken });
}

/** Ask the model, if the person chose so and the tab is one that may be looked at. */
async function decide({ run: id, question }: Of<"repeat-decide">, sender: chrome.runtime.MessageSender): Promise<Reply> {
  const run = await current();
  const { asksModel, token } = await stored("asksModel", "token");
  const { tab } = sender;
  if (!asksModel || run?.id !== id || run.end || tab?.id !== run.tab || tab.incognito) return null;
  if (await blockedCategory(tab.url ?? "")) return null;
  if (!token) return { trouble: chrome.i18n.getMessage("repeat_unreachable") };
  const { status, body } = await sendPacked("decisions", await gzip(question));
  if (status === 200 && body) return { decision: body as Decision };
  return { trouble: problemText(body) || chrome.i18n.getMessage("repeat_unreachable") };
}

async function end({ run: id, how, detail }: Of<"repeat-end">): Promise<void> {
  const run = await current();
  if (run?.id !== id || run.end) return;
  await keep({ ...run, end: { how, detail } });
  const { published, done } = run;
  if (!published || !done) return;
  const outcome = how === "finished" ? "succeeded" : how === "stopped" || how === "declined" ? "cancelled" : "failed";
  const actions = Math.min(done, published.actions);
  await keepUses([...(await usesLeft()), { id, automation: published.automation, actions, outcome }]);
  await deliverUses();
}

async function usesLeft(): Promise<Use[]> {
  const { uses } = await chrome.storage.local.get<{ uses?: Use[] }>("uses");
  return uses ?? [];
}

async function keepUses(uses: Use[]): Promise<void> {
  await chrome.storage.local.set({ uses });
}

/** Tell the service of each use until it has answered for good; the id makes that harmless. */
async function deliverUses(): Promise<void> {
  for (const use of await usesLeft()) {
    const { id, automation, actions, outcome } = use;
    const { status, body } = await call("POST", `automations/${automation}/uses`, { id, actions, outcome });
    const refused = status === 400 || status === 404 || status === 409;
    if (status === 200 || status === 201 || refused) {
      await keepUses((await usesLeft()).filter((left) => left.id !== id));
      await chrome.storage.session.set({ repeatRefusal: refused ? problemText(body) : "" });
    } else {
      await chrome.alarms.create(ALARM, { delayInMinutes: RETRY_MINUTES });
      return;
    }
  }
}

export function registerRepeat(): void {
  answer("repeat-start", start);
  answer("repeat-join", join);
  answer("repeat-progress", progress);
  answer("repeat-decide", decide);
  answer("repeat-end", end);
  answer("repeat-state", () => current());
  chrome.tabs.onUpdated.addListener((tab, { status }) => {
    if (status === "complete") void goOn(tab);
  });
  chrome.tabs.onRemoved.addListener((tab) => void leave(tab));
  chrome.alarms.onAlarm.addListener(({ name }) => {
    if (name === ALARM) void deliverUses();
  });
}

async function goOn(tab: number): Promise<void> {
  const run = await current();
  // A page that can't be scripted, such as an error page, ends nothing: the next one may be.
  if (run?.tab === tab && !run.end) await inject(tab).catch(() => undefined);
}

async function leave(tab: number): Promise<void> {
  const run = await current();
  if (run?.tab === tab && !run.end) await end({ kind: "repeat-end", run: run.id, how: "page-gone", detail: "" });
}
