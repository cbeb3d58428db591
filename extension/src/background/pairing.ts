// Pairing with a person's account: the site is opened with a challenge, the person agrees there,
// and the code at the address it ends at is exchanged by the verifier, which never leaves.
import { answer } from "../messages";
import { store, stored } from "../storage/settings";
import { showState } from "./badge";
import { deliverSoon } from "./delivery";
import { call } from "./service";

const VERIFIER_BYTES = 32;

function base64url(bytes: Uint8Array): string {
  const text = btoa(String.fromCharCode(...bytes));
  return text.replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

async function challengeOf(verifier: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier));
  return base64url(new Uint8Array(digest));
}

async function pair({ label }: { kind: "pair"; label: string }): Promise<void> {
  const { service } = await stored("service");
  const verifier = base64url(crypto.getRandomValues(new Uint8Array(VERIFIER_BYTES)));
  const query = new URLSearchParams({ challenge: await challengeOf(verifier), label });
  const tab = await chrome.tabs.create({ url: `${service}/pair?${query}` });
  if (tab.id === undefined) throw new Error("The tab has no id.");
  await store({ pending: { verifier, tab: tab.id, startedAt: Date.now() } });
}

/** The site has come to its last page, in the tab we opened, with a code in the fragment. */
async function arrivedAt(tab: number, address: string): Promise<void> {
  const { pending, service } = await stored("pending", "service");
  if (!pending || pending.tab !== tab || !address.startsWith(`${service}/pair/done#`)) return;
  const code = new URLSearchParams(new URL(address).hash.slice(1)).get("code");
  if (!code) return;
  await store({ pending: null });
  const reply = await call("POST", "pairings/exchange", { code, verifier: pending.verifier });
  const made = reply.body as { token?: string; label?: string } | null;
  if (reply.status !== 201 || !made?.token) {
    // A code is good once: the person has to begin again, and is told so.
    await store({ trouble: "pairing" });
    return showState();
  }
  await store({ token: made.token, device: made.label ?? "", trouble: "none", notBefore: 0, failures: 0 });
  await deliverSoon();
}

/** This device forgets its token; on the site it can be revoked as well. */
async function unpair(): Promise<void> {
  await call("POST", "auth/sign-out");
  await store({ token: "", device: "", trouble: "unpaired" });
}

export function registerPairing(): void {
  answer("pair", pair);
  answer("unpair", unpair);
  chrome.tabs.onUpdated.addListener((tab, { url }) => {
    if (url) void arrivedAt(tab, url);
  });
}
