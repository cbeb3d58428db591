// Which parts of a page may look different from how they looked last.
import type { Earlier, Kept } from "../page/observe";

/** However little is known to have changed, everything is looked at this often. */
const ALL_MS = 10_000;
/** What changes how an element looks without changing the document, or after it changed. */
const EVENTS = ["click", "input", "change", "focusin", "focusout", "transitionend", "animationend", "toggle"];

export class Changes {
  /** Elements that changed, and what they are in. */
  private readonly touched = new Set<Element>();
  private readonly anew = new Set<Element>();
  private all = true;
  private lookedAt = -Infinity;
  private readonly stops: (() => void)[] = [];

  start(): void {
    const listen = (target: EventTarget, name: string, act: (event: Event) => void) => {
      target.addEventListener(name, act, { capture: true, passive: true });
      this.stops.push(() => target.removeEventListener(name, act, { capture: true }));
    };
    for (const name of EVENTS) listen(document, name, ({ target }) => this.note(target as Node | null));
    // Style sheets and pictures come, and what is laid out by the width of the window moves.
    listen(document, "load", () => (this.all = true));
    listen(window, "resize", () => (this.all = true));
  }

  stop(): void {
    for (const stop of this.stops.splice(0)) stop();
  }

  take(records: MutationRecord[]): void {
    for (const { target, type, attributeName } of records) {
      if (this.all) return;
      // Nothing but the element itself is chosen by an attribute of style; by others, what is beside it too.
      if (type === "characterData") this.touch(target.parentElement);
      else if (type === "childList" || attributeName === "style") this.renew(target);
      else this.note(target);
    }
  }

  /** Something about an element changed that may change how what stands beside it looks. */
  private note(target: Node | null): void {
    this.renew(target?.parentElement ?? target);
  }

  private renew(target: Node | null): void {
    if (target?.nodeType !== Node.ELEMENT_NODE || document.head?.contains(target)) this.all = true;
    else this.anew.add(target as Element);
    this.touch(target as Element | null);
  }

  private touch(element: Element | null): void {
    for (let each = element; each && !this.touched.has(each); each = each.parentElement) this.touched.add(each);
  }

  /** What of an earlier look still holds; null when nothing is sure to. */
  since(look: Kept | null): Earlier | null {
    if (!look || this.all || performance.now() - this.lookedAt > ALL_MS) return null;
    return { look, touched: (element) => this.touched.has(element), anew: (element) => this.anew.has(element) };
  }

  /** The page has been looked at: everything, or what had changed. */
  looked(everything: boolean): void {
    this.touched.clear();
    this.anew.clear();
    if (!everything) return;
    this.all = false;
    this.lookedAt = performance.now();
  }
}
