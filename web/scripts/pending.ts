// What was sent and is not yet in the service's database: shown until the service has seen it.
import type { Hash } from "viem";
import { site } from "./site";
import { _ } from "./words";

interface Sent {
  what: string;
  hash: Hash;
  block: number;
  at: number;
}

interface ChainStatus {
  finalized_block: number;
  open_relays: number;
}

const KEY = "sent";
const POLL_MILLISECONDS = 1000;
const FORGET_MILLISECONDS = 30 * 60 * 1000;

function load(): Sent[] {
  const list = JSON.parse(sessionStorage.getItem(KEY) ?? "[]") as Sent[];
  return list.filter((sent) => Date.now() - sent.at < FORGET_MILLISECONDS);
}

function save(list: Sent[]): void {
  sessionStorage.setItem(KEY, JSON.stringify(list));
}

/** Remember something mined in a block; it shows as pending until that block is final here. */
export function remember(what: string, hash: Hash, block: bigint): void {
  save([...load(), { what, hash, block: Number(block), at: Date.now() }]);
  render();
  watch();
}

function render(): void {
  const area = document.getElementById("pending");
  if (!area) return;
  const list = load();
  area.hidden = list.length === 0;
  area.replaceChildren(...list.map(describe));
}

function describe(sent: Sent): HTMLElement {
  const line = document.createElement("p");
  const code = document.createElement("code");
  code.textContent = `${sent.hash.slice(0, 10)}…${sent.hash.slice(-6)}`;
  code.title = sent.hash;
  const { what, block } = sent;
  line.append(_("%(what)s: in block %(block)s, waiting until it is final.", { what, block }), " ", code);
  return line;
}

let watching = false;

function watch(): void {
  if (watching || (load().length === 0 && site.open_relays === 0)) return;
  watching = true;
  setInterval(() => void poll(), POLL_MILLISECONDS);
}

let rounds = 0;

async function poll(): Promise<void> {
  const response = await fetch("/chain-status").catch(() => null);
  if (!response?.ok) return;
  const { finalized_block, open_relays } = (await response.json()) as ChainStatus;
  const waiting = load().filter((sent) => sent.block > finalized_block);
  const isNews = waiting.length < load().length || open_relays < site.open_relays;
  // One more round: what a final block changes is taken in right after it.
  if (!isNews || isTyping() || ++rounds < 2) return;
  save(waiting);
  location.reload();
}

function isTyping(): boolean {
  const field = document.activeElement;
  const isText = field instanceof HTMLInputElement && !["radio", "checkbox"].includes(field.type);
  return isText || field instanceof HTMLTextAreaElement;
}

/** Show what is pending on this page and load it anew once it is final. */
export function start(): void {
  save(load().filter((sent) => sent.block > site.finalized_block));
  render();
  watch();
}
