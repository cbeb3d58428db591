// Hands entries to the service worker, which may die at any moment: an entry is kept until it is
// known to be stored, and sending one twice is harmless.
import { ask } from "../messages";
import type { Entry, Numbered } from "./entries";

const RETRY_MS = [50, 200, 1_000, 5_000];
/** Every message wakes three processes and is a transaction of its own: entries go together, */
const GATHER_MS = 400;

/** but at once with what may lead to another page, so that they are stored before its going there. */
function mayLead(entry: Entry): boolean {
  return entry.kind === "up" || entry.kind === "chosen" || (entry.kind === "key" && entry.name !== null);
}

export class Sender {
  private waiting: Numbered[] = [];
  private sequence = 0;
  private sending = false;
  private timer = 0;
  private failures = 0;
  private idle: (() => void)[] = [];
  recording: string | null = null;

  constructor(
    readonly document: string,
    private readonly onGone: () => void,
  ) {}

  add(entry: Entry): void {
    this.waiting.push({ sequence: this.sequence, entry });
    this.sequence += 1;
    // Not at the event itself: handing over takes Chromium a millisecond, for which the page would wait.
    if (mayLead(entry)) setTimeout(() => void this.send(), 0);
    else this.gather();
  }

  private gather(): void {
    this.timer ||= setTimeout(() => {
      this.timer = 0;
      void this.send();
    }, GATHER_MS) as unknown as number;
  }

  /** Store what is there now; resolves when it is. */
  settled(): Promise<void> {
    if (!this.waiting.length) return Promise.resolve();
    const stored = new Promise<void>((resolve) => this.idle.push(resolve));
    void this.send();
    return stored;
  }

  /**
   * The page goes away: hand over what is left without waiting for an answer. A page that was left
   * before it could join does not know what it would be part of; the service worker does.
   */
  flush(): void {
    if (this.waiting.length) void this.deliver(this.waiting).catch(() => undefined);
  }

  /** Everything not handed over yet is forgotten. */
  drop(): void {
    this.waiting = [];
    for (const resolve of this.idle.splice(0)) resolve();
  }

  async send(): Promise<void> {
    if (this.sending || !this.recording || !this.waiting.length) return;
    this.sending = true;
    const batch = this.waiting.slice();
    try {
      await this.deliver(batch);
      this.failures = 0;
      const last = batch.at(-1)?.sequence ?? -1;
      this.waiting = this.waiting.filter(({ sequence }) => sequence > last);
    } catch {
      this.failures += 1;
    }
    this.sending = false;
    this.proceed();
  }

  private proceed(): void {
    if (!chrome.runtime?.id) return this.onGone(); // the extension was updated or removed
    if (!this.waiting.length) for (const resolve of this.idle.splice(0)) resolve();
    else if (!this.failures) this.isUrgent() ? void this.send() : this.gather();
    else setTimeout(() => void this.send(), RETRY_MS[Math.min(this.failures, RETRY_MS.length) - 1]);
  }

  private isUrgent(): boolean {
    return this.idle.length > 0 || this.waiting.some(({ entry }) => mayLead(entry));
  }

  private deliver(entries: Numbered[]): Promise<void> {
    const { recording, document } = this;
    return ask({ kind: "entries", recording, document, entries });
  }
}
