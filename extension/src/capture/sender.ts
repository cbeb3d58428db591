// Hands entries to the service worker, which may die at any moment: an entry is kept until it is
// known to be stored, and sending one twice is harmless.
import { ask } from "../messages";
import type { Entry } from "./entries";

const RETRY_MS = [50, 200, 1_000, 5_000];

interface Numbered {
  sequence: number;
  entry: Entry;
}

export class Sender {
  private waiting: Numbered[] = [];
  private sequence = 0;
  private sending = false;
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
    queueMicrotask(() => void this.send());
  }

  /** Resolves when everything so far is stored. */
  settled(): Promise<void> {
    if (!this.waiting.length) return Promise.resolve();
    return new Promise((resolve) => this.idle.push(resolve));
  }

  /** The page goes away: hand over what is left without waiting for an answer. */
  flush(): void {
    if (this.recording && this.waiting.length) void this.deliver(this.waiting).catch(() => undefined);
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
    else if (!this.failures) void this.send();
    else setTimeout(() => void this.send(), RETRY_MS[Math.min(this.failures, RETRY_MS.length) - 1]);
  }

  private deliver(entries: Numbered[]): Promise<void> {
    const { recording, document } = this;
    return ask({ kind: "entries", recording, document, entries });
  }
}
