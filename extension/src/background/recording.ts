// Starts, pauses and ends recordings, lets pages join, and stores what they write.
import { assemble, type About } from "../assemble";
import type { Entry, Numbered, See } from "../capture/entries";
import type { Joined } from "../content";
import { answer, askTab } from "../messages";
import { blockedCategory } from "../privacy/blocklist";
import { pageOf, registrableDomain } from "../privacy/address";
import { redact } from "../privacy/redact";
import { addEntries, database, entriesOf, recordingsLeft, replaceEntries, type StoredEntry } from "../storage/db";
import { pack } from "../storage/packed";
import { store, stored, type Active, type Stored } from "../storage/settings";
import type { Observation } from "../workflow";
import { showState } from "./badge";
import { inject, injectable, keepScript, registerScript, unregisterScript } from "./injection";

/** Background recording is cut into workflows after this long without any action. */
const BACKGROUND_PAUSE_MS = 60_000;
const CUT_ALARM = "cut";
const VALUES = "parameterValues";

export class NotAgreed extends Error {}

interface Start {
  kind: "start";
  name: string;
  instruction: string;
  parameters: Record<string, string>;
}

function newActive(mode: Active["mode"], name: string, instruction: string, parameters: string[]): Active {
  const id = crypto.randomUUID();
  return { id, mode, name, instruction, parameters, startedAt: Date.now(), paused: false };
}

async function start({ name, instruction, parameters }: Start): Promise<void> {
  await begin(newActive("task", name, instruction, Object.keys(parameters)), parameters);
}

async function startBackground(): Promise<void> {
  await begin(newActive("background", "background", "", []), {});
}

async function begin(active: Active, values: Record<string, string>): Promise<void> {
  const { consent, active: running } = await stored("consent", "active");
  if (!consent) throw new NotAgreed("Nothing is recorded before you have agreed to it.");
  if (running) await stop();
  await chrome.storage.session.set({ [VALUES]: values });
  await store({ active });
  await registerScript(active.mode);
  await inject(active.mode);
  await showState();
}

/** End the recording in progress; what was recorded becomes a draft to look at. */
export async function stop(): Promise<string | null> {
  const { active } = await stored("active");
  if (!active) return null;
  await tellPages("conclude");
  await unregisterScript();
  await tellPages("leave");
  await store({ active: null, ending: active });
  await chrome.storage.session.remove(VALUES);
  const made = await finish(active);
  await showState();
  return made;
}

async function pause(): Promise<void> {
  const { active } = await stored("active");
  if (!active) return;
  await unregisterScript();
  await tellPages("leave");
  await store({ active: { ...active, paused: true } });
  await showState();
}

async function resume(): Promise<void> {
  const { active } = await stored("active");
  if (!active) return;
  await store({ active: { ...active, paused: false } });
  await registerScript(active.mode);
  await inject(active.mode);
  await showState();
}

/** Make the draft of a recording that ended; harmless when there is one already. */
export async function finish(active: Active): Promise<string | null> {
  const entries = await entriesOf(active.id);
  if (!entries.length) return null;
  const workflow = assemble(await about(active, entries), entries);
  await replaceEntries(active.id, workflow && { ...(await pack(workflow)), madeAt: Date.now() });
  await store({ ending: null });
  return workflow?.id ?? null;
}

async function about(active: Active, entries: StoredEntry[]): Promise<About> {
  const recorder = `extension/${chrome.runtime.getManifest().version}`;
  const name = active.mode === "task" ? slug(active.name) : siteName(entries);
  return { id: active.id, name, instruction: redact(active.instruction), recorder };
}

/** A task's name as the schema takes it; words that are not common are masked before. */
export function slug(name: string): string {
  const plain = redact(name).toLowerCase().replace(/[^a-z0-9._:/-]+/g, "-");
  return plain.replace(/^[^a-z0-9]+|-+$/g, "").slice(0, 100) || "task";
}

function siteName(entries: StoredEntry[]): string {
  const first = entries.find(({ entry }) => entry.kind === "see")?.entry as See | undefined;
  const origin = first ? ((JSON.parse(first.look) as Observation).page?.origin ?? "") : "";
  const host = URL.canParse(origin) ? new URL(origin).hostname : "";
  return slug(`background/${host ? registrableDomain(host) : "site"}`);
}

/** Every page that may be recording hears it; pages that are not do not answer. */
async function tellPages(kind: "conclude" | "leave"): Promise<void> {
  const tabs = (await chrome.tabs.query({})).filter(injectable);
  await Promise.all(tabs.map((tab) => askTab(tab.id ?? 0, { kind }).catch(() => undefined)));
}

async function join(_: { kind: "join" }, sender: chrome.runtime.MessageSender): Promise<Joined | null> {
  const { active, consent, allowed } = await stored("active", "consent", "allowed");
  const address = sender.url ?? sender.tab?.url ?? ""; // the tab may be at its next page already
  const incognito = sender.tab?.incognito ?? true;
  if (!active || active.paused || !consent || incognito) return null;
  if (await blockedCategory(address)) return null;
  if (active.mode === "background" && !allowed.includes(registrableDomain(new URL(address).hostname))) return null;
  const session = await chrome.storage.session.get(VALUES);
  const parameters = (session[VALUES] ?? {}) as Record<string, string>;
  const context = { instruction: active.instruction, parameters };
  return { recording: active.id, context, options: { pointer: consent.pointer } };
}

interface Entries {
  kind: "entries";
  /** Null from a page that was left before it had joined. */
  recording: string | null;
  document: string;
  entries: Numbered[];
}

async function take(message: Entries, sender: chrome.runtime.MessageSender): Promise<void> {
  const { recording, entries } = message.recording === null ? await late(message, sender) : message;
  if (recording === null) return;
  const { document } = message;
  const tab = sender.tab?.id ?? -1;
  try {
    await addEntries({ recording, page: document, tab, entries });
  } catch (error) {
    if ((error as DOMException).name === "QuotaExceededError") {
      await store({ trouble: "storage-full" });
      await showState();
    }
    throw error;
  }
  await afterTaking();
}

/** What a page wrote that never joined: asked for it now, and kept only as far as it was agreed to. */
async function late({ entries }: Entries, sender: chrome.runtime.MessageSender): Promise<Pick<Entries, "recording" | "entries">> {
  const joined = await join({ kind: "join" }, sender);
  if (!joined) return { recording: null, entries: [] };
  const kept = ({ sequence, entry }: Numbered): Numbered => ({
    sequence,
    entry: "path" in entry && !joined.options.pointer ? { ...entry, path: [] } : entry,
  });
  return { recording: joined.recording, entries: entries.map(kept) };
}

/** What is stored, until anything of it changes: pages write several times a second. */
let known: Promise<Pick<Stored, "active" | "trouble">> | undefined;

async function afterTaking(): Promise<void> {
  const { active, trouble } = await (known ??= stored("active", "trouble"));
  if (trouble === "storage-full") {
    await store({ trouble: "none" });
    await showState();
  }
  if (active?.mode === "background") await chrome.alarms.create(CUT_ALARM, { when: Date.now() + BACKGROUND_PAUSE_MS });
}

/** Background work becomes a draft once its person has paused; recording goes on under a new id. */
async function cut(): Promise<void> {
  const { active } = await stored("active");
  if (active?.mode !== "background" || active.paused) return;
  await tellPages("conclude");
  await tellPages("leave");
  await store({ active: newActive("background", "background", "", []), ending: active });
  await finish(active);
  await inject("background");
  await showState();
}

/** What the browser, not a page, knows: where a tab went, and which tab is looked at. */
async function note(tab: number, entry: Entry): Promise<void> {
  const { active } = await stored("active");
  if (!active || active.paused || active.mode !== "task") return;
  const page = `browser-${crypto.randomUUID()}`;
  await addEntries({ recording: active.id, page, tab, entries: [{ sequence: 0, entry }] });
}

type Transition = chrome.webNavigation.WebNavigationTransitionCallbackDetails;

async function wentTo({ tabId, frameId, url, transitionType, transitionQualifiers, timeStamp }: Transition): Promise<void> {
  if (frameId !== 0 || (await blockedCategory(url))) return;
  const hows = { typed: "typed", link: "link", form_submit: "form", reload: "reload", generated: "typed" } as const;
  const how = transitionQualifiers.includes("forward_back")
    ? "back"
    : (hows[transitionType as keyof typeof hows] ?? "other");
  await note(tabId, { kind: "went", at: Math.round(timeStamp), how, page: pageOf(url, "") });
}

async function tabChanged(tab: number, change: "open" | "close" | "switch"): Promise<void> {
  await note(tab, { kind: "tab", at: Date.now(), change, tab });
}

async function blockSite({ address }: { kind: "block-site"; address: string }): Promise<string> {
  const domain = registrableDomain(new URL(address).hostname);
  const { blockedByPerson, allowed, active } = await stored("blockedByPerson", "allowed", "active");
  await store({
    blockedByPerson: [...new Set([...blockedByPerson, domain])],
    allowed: allowed.filter((each) => each !== domain),
  });
  if (active && !active.paused) {
    await unregisterScript();
    await registerScript(active.mode);
    const tabs = (await chrome.tabs.query({ url: `*://*.${domain}/*` })).filter(injectable);
    await Promise.all(tabs.map((tab) => askTab(tab.id ?? 0, { kind: "leave" }).catch(() => undefined)));
  }
  return domain;
}

async function allowSite({ address }: { kind: "allow-site"; address: string }): Promise<string> {
  const category = await blockedCategory(address);
  if (category) throw new Error(category);
  const domain = registrableDomain(new URL(address).hostname);
  const { allowed, active } = await stored("allowed", "active");
  await store({ allowed: [...new Set([...allowed, domain])] });
  if (active?.mode === "background" && !active.paused) {
    await unregisterScript();
    await registerScript("background");
    await inject("background");
  }
  return domain;
}

async function discard({ id }: { kind: "discard"; id: string }): Promise<void> {
  await (await database()).delete("drafts", id);
}

/** A recording in progress goes on; those whose end was cut short become drafts now. */
async function recover(): Promise<void> {
  const { active, ending } = await stored("active", "ending");
  if (active && !active.paused) await keepScript(active.mode);
  for (const id of await recordingsLeft()) {
    if (id === active?.id) continue;
    await finish(id === ending?.id ? ending : { ...newActive("task", "recovered", "", []), id });
  }
  await showState();
}

export function registerRecording(): void {
  answer("start", start);
  answer("start-background", startBackground);
  answer("stop", stop);
  answer("pause", pause);
  answer("resume", resume);
  answer("join", join);
  answer("entries", take);
  answer("block-site", blockSite);
  answer("allow-site", allowSite);
  answer("discard", discard);
  chrome.storage.onChanged.addListener(() => (known = undefined));
  chrome.webNavigation.onCommitted.addListener((details) => void wentTo(details));
  chrome.tabs.onActivated.addListener(({ tabId }) => void tabChanged(tabId, "switch"));
  chrome.tabs.onRemoved.addListener((tabId) => void tabChanged(tabId, "close"));
  chrome.tabs.onCreated.addListener((tab) => void tabChanged(tab.id ?? -1, "open"));
  chrome.alarms.onAlarm.addListener(({ name }) => {
    if (name === CUT_ALARM) void cut();
  });
  void recover();
}
