// Keeps a look at the page from before whatever happens next: taken when the page has settled, in
// idle time, never at the event itself, when the page already shows where the pointer is.
import { observe, type Seen } from "./observe";

const SETTLE_MS = 60;
/** A page that never rests is looked at this often. */
const RESTLESS_MS = 1_500;
const IDLE_BUDGET_MS = 40;
/** At the event itself, when there is no look that shows the target. */
const URGENT_BUDGET_MS = 12;

export class Looker {
  private seen: Seen | null = null;
  private dirty = true;
  private timer = 0;
  private dirtySince = 0;
  private readonly observer = new MutationObserver(() => this.stir());
  onLook: (() => void) | null = null;

  constructor(private readonly instruction: () => string) {}

  start(): void {
    const options = { subtree: true, childList: true, attributes: true, characterData: true };
    this.observer.observe(document, options);
    this.stir();
  }

  stop(): void {
    this.observer.disconnect();
    clearTimeout(this.timer);
  }

  /** Something may have changed. */
  stir(): void {
    this.dirty = true;
    this.dirtySince ||= performance.now();
    if (this.timer && performance.now() - this.dirtySince > RESTLESS_MS) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => requestIdleCallback(() => this.look(), { timeout: 400 }), SETTLE_MS) as unknown as number;
  }

  private look(): void {
    this.timer = 0;
    if (!this.dirty || !document.body) return;
    this.dirty = false;
    this.dirtySince = 0;
    this.seen = observe(this.instruction(), null, performance.now() + IDLE_BUDGET_MS);
    this.onLook?.();
  }

  /** A look that shows `target`: the one from before where it does, else one from now. */
  before(target: Element | null): Seen {
    if (this.seen && (!target || this.seen.indices.has(target))) return this.seen;
    this.seen = observe(this.instruction(), target, performance.now() + URGENT_BUDGET_MS);
    return this.seen;
  }

  /** A look from now. */
  now(): Seen {
    this.dirty = false;
    this.seen = observe(this.instruction(), null, performance.now() + IDLE_BUDGET_MS);
    return this.seen;
  }
}
