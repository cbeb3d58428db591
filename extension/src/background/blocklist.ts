// Keeps the list of blocked sites up to date: the service can add to what was shipped, and never
// take away from it.
import { store } from "../storage/settings";
import { call } from "./service";

const ALARM = "blocklist";
const PERIOD_MINUTES = 24 * 60;
const LARGEST = 100_000;

export async function updateBlocklist(): Promise<void> {
  const { status, body } = await call("GET", "blocklist");
  const domains = (body as { domains?: unknown } | null)?.domains;
  if (status !== 200 || typeof domains !== "object" || domains === null) return;
  const entries = Object.entries(domains).filter(
    ([domain, category]) => /^[a-z0-9.-]{1,253}$/.test(domain) && typeof category === "string",
  );
  await store({ blockedByService: Object.fromEntries(entries.slice(0, LARGEST)) });
}

export function registerBlocklist(): void {
  chrome.runtime.onInstalled.addListener(() => void chrome.alarms.create(ALARM, { delayInMinutes: 1, periodInMinutes: PERIOD_MINUTES }));
  chrome.alarms.onAlarm.addListener(({ name }) => {
    if (name === ALARM) void updateBlocklist();
  });
}
