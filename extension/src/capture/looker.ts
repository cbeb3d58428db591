// Keeps a look at the page from before whatever happens next: taken when the page has settled, in
// idle time, never at the event itself, when the page already shows where the pointer is.
import { observe, type Earlier, type Kept } from "../page/observe";
import { RECORDED } from "../privacy/recorded";
import type { Observation } from "../workflow";
import { Changes } from "./changes";

/** More is not told of a page; the schema takes more. */
const MAX_ELEMENTS = 3_000;
const SETTLE_MS = 60;
/** Looking takes no more than one part in so many of the time, however often the page changes, */
const LOOKS_SHARE = 150;
/** but what was not used is saved up to this, so that a page which changes once is looked at soon. */
const SAVED_MS = 120;
/** A page that never rests is looked at this often, whatever that costs, */
const RESTLESS_MS = 3_000;
/** and one that its person did something to when it has answered. */
const ANSWERED_MS = 350;
const IDLE_BUDGET_MS = 40;
/** At the event itself, when there is no look that shows the target. */
const URGENT_BUDGET_MS = 12;

/** A look at a page. `texts` are the page's own words, which stay here. */
export interface Seen {
  observation: Observation;
  indices: ReadonlyMap<Element, number>;
  texts: string[];
  json: string;
  kept: Kept;
}

interface How {
  budget: number;
  target?: Element | null;
  earlier?: Earlier | null;
}

function look(instruction: string, { budget, ...how }: How): Seen {
  const deadline = performance.now() + budget;
  const { observation, kept } = observe({ ...RECORDED, instruction, deadline, limit: MAX_ELEMENTS, ...how });
  const { indices, texts } = kept;
  return { observation, indices, texts, json: JSON.stringify(observation), kept };
}

export class Looker {
  private seen: Seen | null = null;
  private dirty = true;
  private timer = 0;
  /** When what is to be looked at began: the last act, else the first change. */
  private since = 0;
  private saved = SAVED_MS;
  private countedAt = performance.now();
  private acted = false;
  private readonly changes = new Changes();
  private kept: Kept | null = null;
  private readonly observer = new MutationObserver((records) => {
    this.changes.take(records);
    this.stir();
  });
  onLook: (() => void) | null = null;

  constructor(private readonly instruction: () => string) {}

  start(): void {
    const options = { subtree: true, childList: true, attributes: true, characterData: true };
    this.observer.observe(document, options);
    this.changes.start();
    this.stir();
  }

  stop(): void {
    this.observer.disconnect();
    this.changes.stop();
    clearTimeout(this.timer);
    this.seen = this.kept = null;
  }

  /** What a look says may differ although the page is as it was. */
  startAnew(): void {
    this.kept = null;
    this.stir();
  }

  /** Something may have changed; after a person's own act that is looked at soon, whatever it costs. */
  stir(acted = false): void {
    const time = performance.now();
    this.acted ||= acted;
    this.dirty = true;
    if (acted || !this.since) this.since = time;
    const latest = this.since + (this.acted ? ANSWERED_MS : RESTLESS_MS);
    if (this.timer && time > latest) return;
    clearTimeout(this.timer);
    const wait = Math.max(SETTLE_MS, Math.min(latest - time, this.rest));
    this.timer = setTimeout(() => requestIdleCallback(() => this.lookAgain(), { timeout: 400 }), wait) as unknown as number;
  }

  /** Milliseconds until looking again costs no more than its share. */
  get rest(): number {
    return Math.min(RESTLESS_MS, Math.max(0, -this.count() * LOOKS_SHARE));
  }

  /** Milliseconds that looking may take now; below nought what it took too much. */
  private count(): number {
    const time = performance.now();
    this.saved = Math.min(SAVED_MS, this.saved + (time - this.countedAt) / LOOKS_SHARE);
    this.countedAt = time;
    return this.saved;
  }

  private lookAgain(): void {
    this.timer = 0;
    if (!this.dirty || !document.body) return;
    this.now();
    this.onLook?.();
  }

  /** The last look, if nothing has stirred since, else one from now. */
  latest(): Seen {
    return this.dirty || !this.seen ? this.now() : this.seen;
  }

  /** A look that shows `target`: the one from before where it does, else one from now. */
  before(target: Element | null): Seen {
    if (this.seen && (!target || this.seen.indices.has(target))) return this.seen;
    this.seen = look(this.instruction(), { budget: URGENT_BUDGET_MS, target });
    return this.seen;
  }

  /** A look from now. */
  now(): Seen {
    const began = performance.now();
    this.dirty = false;
    this.acted = false;
    this.since = 0;
    this.changes.take(this.observer.takeRecords());
    const earlier = this.changes.since(this.kept);
    this.seen = look(this.instruction(), { budget: IDLE_BUDGET_MS, earlier });
    this.kept = this.seen.kept;
    this.changes.looked(!earlier);
    this.saved = this.count() - (performance.now() - began);
    return this.seen;
  }
}
