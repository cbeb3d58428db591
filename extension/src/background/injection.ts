// Where the recorder's script runs: nowhere, unless something is being recorded; then in all pages
// (a task) or in those of allowed sites (in the background), and never in blocked ones.
import shipped from "list:blocked";
import { blockedCategory } from "../privacy/blocklist";
import { registrableDomain } from "../privacy/address";
import { stored, type Active } from "../storage/settings";

const SCRIPT = "recorder";
const FILE = "content.js";

const patternOf = (domain: string): string => `*://*.${domain}/*`;

/** Whether a tab may hold a page that can be recorded. */
export function injectable(tab: chrome.tabs.Tab): boolean {
  return tab.id !== undefined && !tab.incognito && /^https?:/.test(tab.url ?? "");
}

export async function registerScript(mode: Active["mode"]): Promise<void> {
  const { allowed, blockedByPerson, blockedByService } = await stored("allowed", "blockedByPerson", "blockedByService");
  const blocked = [...Object.keys(shipped), ...blockedByPerson, ...Object.keys(blockedByService)];
  const matches = mode === "task" ? ["http://*/*", "https://*/*"] : allowed.map(patternOf);
  await unregisterScript();
  if (!matches.length) return;
  await chrome.scripting.registerContentScripts([
    {
      id: SCRIPT,
      js: [FILE],
      matches,
      excludeMatches: [...new Set(blocked)].map(patternOf),
      runAt: "document_start",
      allFrames: false,
    },
  ]);
}

/** Register again what a restart or an update of the extension took away. */
export async function keepScript(mode: Active["mode"]): Promise<void> {
  if ((await chrome.scripting.getRegisteredContentScripts({ ids: [SCRIPT] })).length) return;
  await registerScript(mode);
  await inject(mode);
}

export async function unregisterScript(): Promise<void> {
  const known = await chrome.scripting.getRegisteredContentScripts({ ids: [SCRIPT] });
  if (known.length) await chrome.scripting.unregisterContentScripts({ ids: [SCRIPT] });
}

/** Pages that are open already. */
export async function inject(mode: Active["mode"]): Promise<void> {
  const { allowed } = await stored("allowed");
  const tabs = (await chrome.tabs.query({})).filter(injectable);
  await Promise.all(tabs.map((tab) => injectInto(tab, mode, allowed)));
}

async function injectInto(tab: chrome.tabs.Tab, mode: Active["mode"], allowed: string[]): Promise<void> {
  const address = tab.url ?? "";
  if (await blockedCategory(address)) return;
  if (mode === "background" && !allowed.includes(registrableDomain(new URL(address).hostname))) return;
  const target = { tabId: tab.id ?? 0 };
  // A tab may close, or show an error page, in between.
  await chrome.scripting.executeScript({ target, files: [FILE] }).catch(() => undefined);
}
