// Listens to what the person does in a page and writes entries. Events made by the page's own
// scripts (`isTrusted` false) are nobody's acts and are left out.
import { deepTarget, focusIn, frameDocument } from "../page/deep";
import { editingHost, fieldKind as kindOf, isTextField, valueOf } from "../page/roles";
import type { Entry } from "./entries";
import { editKind, isIdle, keyKind, keyName, modifiersOf, type FieldKind } from "./keys";
import { Looker, type Seen } from "./looker";
import { placeOf, PointerPath } from "./pointer";
import { References, type Context } from "./reference";
import { isPrivate } from "../privacy/sensitive";
import { patternOf } from "../page/pattern";

const DRAG_PIXELS = 8;
const SCROLL_PAUSE_MS = 250;
/** Scrolling without any input this long before it is the page's own. */
const SCROLL_CAUSE_MS = 1_500;
const AFTER_MS = 350;
/** A mouse event this soon after a pointer event tells of the same press. */
const SAME_PRESS_MS = 40;
const STEPPED = new Set(["date", "time", "number", "month", "week", "datetime-local", "range"]);
const SECRET = { kind: "secret", length: "0" } as const;

interface Field {
  element: Element;
  private: boolean;
  value: string;
  seen: Seen;
  number: number;
  pasted: boolean;
  typed: boolean;
}

interface Scrolling {
  element: Element | Document;
  left: number;
  top: number;
  at: number;
  until: number;
  timer: number;
}

export interface Options {
  pointer: boolean;
}

export class Recorder {
  context: Context = { instruction: "", parameters: {} };
  options: Options = { pointer: true };
  private readonly looker = new Looker(() => this.context.instruction);
  private readonly path = new PointerPath();
  private references: References;
  private readonly numbers = new WeakMap<Seen, number>();
  private lastJson = "";
  private looks = 0;
  private field: Field | null = null;
  private pressed: { x: number; y: number; target: Element | null; seen: Seen } | null = null;
  private scrolling: Scrolling | null = null;
  private readonly scrolledTo = new WeakMap<object, { left: number; top: number }>();
  private readonly heldKeys = new Map<string, number>();
  private keys = 0;
  private lastInput = 0;
  private lastDown = 0;
  private acted = false;
  private afterTimer = 0;
  private readonly stops: (() => void)[] = [];
  private readonly entered = new WeakSet<Document>();

  constructor(
    private readonly page: string,
    private readonly write: (entry: Entry) => void,
  ) {
    this.references = new References(this.context, page);
  }

  start(): void {
    this.enter(document);
    this.looker.onLook = () => this.enterFrames();
    this.looker.start();
  }

  /** What is known of the task; comes a moment after the first events may. */
  join(context: Context, options: Options): void {
    this.context = context;
    this.options = options;
    this.references = new References(context, this.page);
    this.looker.startAnew();
  }

  stop(): void {
    for (const stop of this.stops.splice(0)) stop();
    this.looker.stop();
    clearTimeout(this.afterTimer);
  }

  /** Write down what is still open: a field being typed into, a scroll. */
  finish(): void {
    this.leaveField();
    this.endScroll();
  }

  /** The page is no longer in front, and may never be again: what the last act led to is told now. */
  hide(): void {
    this.finish();
    this.noteAfter();
  }

  /** The page as it is now, as the outcome of what was done. */
  conclude(): void {
    this.finish();
    this.write({ kind: "after", at: now(), seen: this.number(this.looker.now()) });
    this.acted = false;
  }

  private enter(inner: Document): void {
    if (this.entered.has(inner) || !inner.defaultView) return;
    this.entered.add(inner);
    const listen = <E extends Event>(name: string, act: (event: E) => void) => {
      const heard = (event: Event) => {
        if (event.isTrusted) act(event as E);
      };
      const options = { capture: true, passive: true };
      inner.defaultView?.addEventListener(name, heard, options);
      this.stops.push(() => inner.defaultView?.removeEventListener(name, heard, options));
    };
    listen<PointerEvent>("pointermove", (event) => this.moved(event));
    listen<PointerEvent>("pointerdown", (event) => this.down(event));
    listen<PointerEvent>("pointerup", (event) => this.up(event));
    // Pages that keep pointer events to themselves rarely do so with those of the mouse.
    listen<PointerEvent>("mousedown", (event) => {
      const { sourceCapabilities } = event as { sourceCapabilities?: { firesTouchEvents: boolean } };
      const repeated = sourceCapabilities?.firesTouchEvents || timeOf(event) - this.lastDown <= SAME_PRESS_MS;
      if (!repeated) this.down(event);
    });
    listen<MouseEvent>("mouseup", (event) => this.up(event));
    listen<PointerEvent>("pointercancel", () => (this.pressed = null));
    listen<DragEvent>("drop", (event) => this.up(event));
    listen<KeyboardEvent>("keydown", (event) => this.keyDown(event));
    listen<KeyboardEvent>("keyup", (event) => this.keyUp(event));
    listen<InputEvent>("input", (event) => this.input(event));
    listen<Event>("change", (event) => this.changed(event));
    listen<FocusEvent>("focusout", () => this.leaveField());
    listen<Event>("scroll", (event) => this.scrolled(event));
    listen<WheelEvent>("wheel", (event) => (this.lastInput = timeOf(event)));
  }

  /** Frames come and go; each document in one is entered once. */
  private enterFrames(root: Document = document): void {
    for (const frame of root.querySelectorAll("iframe, frame")) {
      const inner = frameDocument(frame);
      if (!inner) continue;
      this.enter(inner);
      this.enterFrames(inner);
    }
  }

  private moved(event: PointerEvent): void {
    if (this.options.pointer) this.path.move(event, timeOf(event));
  }

  private down(event: PointerEvent): void {
    this.finish();
    const target = deepTarget(event);
    const { seen, number, index } = this.aim(target);
    const { x, y } = placeOf(event);
    this.pressed = { x, y, target, seen };
    this.lastDown = timeOf(event);
    this.acts(event, false); // the release follows, and is looked at
    this.write({
      kind: "down",
      at: timeOf(event),
      seen: number,
      target: index,
      ...within(seen, index, target, event, { x, y }),
      button: (["left", "middle", "right"] as const)[event.button] ?? "left",
      modifiers: modifiersOf(event),
      device: event.pointerType === "touch" || event.pointerType === "pen" ? event.pointerType : "mouse",
      path: this.path.take(),
      list: target?.localName === "select" || target?.localName === "option",
    });
  }

  private up(event: MouseEvent): void {
    const pressed = this.pressed;
    this.pressed = null;
    if (!pressed) return;
    const { x, y } = placeOf(event);
    const end = deepTarget(event);
    const far = Math.max(Math.abs(x - pressed.x), Math.abs(y - pressed.y)) > DRAG_PIXELS;
    const drop = end ? (pressed.seen.indices.get(end) ?? null) : null;
    this.acts(event);
    this.write({ kind: "up", at: timeOf(event), x, y, drop, dragged: far && end !== pressed.target });
  }

  private keyDown(event: KeyboardEvent): void {
    const focus = this.focus(event);
    const kind = fieldKind(focus);
    const key = keyKind(event);
    const name = keyName(event, kind);
    if (isIdle(key, name, kind)) return;
    this.lastInput = timeOf(event);
    if (kind !== "none" && focus) this.openField(focus);
    if (this.field?.private) return this.acts(event); // not even the rhythm of a secret
    // The page may send or clear the field at this very key.
    if (this.field && name !== null) this.leaveField();
    const { number, index } = this.aim(focus);
    this.keys += 1;
    this.heldKeys.set(event.code, this.keys);
    this.acts(event);
    this.write({
      kind: "key",
      at: timeOf(event),
      id: this.keys,
      seen: this.field?.number ?? number,
      target: this.field ? (this.field.seen.indices.get(this.field.element) ?? null) : index,
      key,
      name,
      modifiers: modifiersOf(event),
      path: this.path.take(),
    });
  }

  private keyUp(event: KeyboardEvent): void {
    const id = this.heldKeys.get(event.code);
    if (id === undefined) return;
    this.heldKeys.delete(event.code);
    this.write({ kind: "keyup", at: timeOf(event), id });
  }

  private input(event: InputEvent): void {
    const element = this.focus(event) ?? deepTarget(event);
    if (!element || !isTextField(editingHost(element))) return;
    this.openField(element);
    const { field } = this;
    if (!field) return;
    field.typed = true;
    const edit = editKind(event.inputType ?? "");
    if (edit === "paste" || edit === "drop" || edit === "complete") field.pasted = true;
    this.acts(event);
    if (!field.private) this.write({ kind: "edit", at: timeOf(event), edit });
  }

  /** A list's choice; choices of text fields are told when the field is left. */
  private changed(event: Event): void {
    const list = deepTarget(event);
    if (list?.localName !== "select" || isPrivate(list as HTMLElement)) return;
    const chosen = (list as HTMLSelectElement).selectedOptions[0];
    const { seen, number, index } = this.aim(list);
    const option = chosen ? (seen.indices.get(chosen) ?? null) : null;
    const text = chosen ? this.references.find(chosen.text.trim(), seen.texts) : null;
    this.acts(event);
    this.write({ kind: "chosen", at: timeOf(event), seen: number, target: index, option, text });
  }

  private openField(element: Element): void {
    const host = editingHost(element);
    if (this.field?.element === host) return;
    this.leaveField();
    const { seen, number } = this.aim(host);
    const secret = isPrivate(host as HTMLElement);
    const value = secret ? "" : valueOf(host);
    this.field = { element: host, private: secret, value, seen, number, pasted: false, typed: false };
  }

  private leaveField(): void {
    const { field } = this;
    this.field = null;
    if (!field) return;
    const target = field.seen.indices.get(field.element) ?? null;
    const at = now();
    if (field.private || isPrivate(field.element as HTMLElement)) {
      this.leavePrivate(field, at);
      return;
    }
    const value = valueOf(field.element);
    if (!field.typed && value === field.value) return;
    const text = this.references.find(value, field.seen.texts);
    const { pasted } = field;
    this.write({ kind: "typed", at, seen: field.number, target, text, pattern: patternOf(value), pasted });
  }

  private leavePrivate(field: Field, at: number): void {
    if (!field.typed) return;
    // A look from before the field was known to be private would describe it.
    const seen = this.looker.now();
    const target = seen.indices.get(field.element) ?? null;
    const fact = { text: null, pattern: SECRET, pasted: false };
    this.write({ kind: "typed", at, seen: this.number(seen), target, ...fact });
  }

  private scrolled(event: Event): void {
    const element = event.target as Element | Document;
    const place = placeIn(element);
    const before = this.scrolledTo.get(element) ?? { left: 0, top: 0 };
    this.scrolledTo.set(element, place);
    const at = timeOf(event);
    if (at - this.lastInput > SCROLL_CAUSE_MS && !this.scrolling) return;
    if (this.scrolling && this.scrolling.element !== element) this.endScroll();
    this.scrolling ??= { element, ...before, at, until: at, timer: 0 };
    this.scrolling.until = at;
    clearTimeout(this.scrolling.timer);
    this.scrolling.timer = setTimeout(() => this.endScroll(), SCROLL_PAUSE_MS) as unknown as number;
  }

  private endScroll(): void {
    const { scrolling } = this;
    this.scrolling = null;
    if (!scrolling) return;
    clearTimeout(scrolling.timer);
    const { element, left, top, at, until } = scrolling;
    const place = placeIn(element);
    const container = element.nodeType === Node.DOCUMENT_NODE ? null : (element as Element);
    const { number, index } = this.aim(container);
    const dx = Math.round(place.left - left);
    const dy = Math.round(place.top - top);
    if (dx || dy) this.write({ kind: "scrolled", at, until, seen: number, target: index, dx, dy });
  }

  /** Something was done: look again when the page has answered, at once if something else may follow. */
  private acts(event: Event, promptly = !this.field): void {
    this.lastInput = timeOf(event);
    this.acted = true;
    this.looker.stir(promptly);
    clearTimeout(this.afterTimer);
    const wait = Math.max(AFTER_MS, this.looker.rest);
    this.afterTimer = setTimeout(() => requestIdleCallback(() => this.noteAfter()), wait) as unknown as number;
  }

  private noteAfter(): void {
    if (!this.acted || this.field) return;
    this.acted = false;
    this.write({ kind: "after", at: now(), seen: this.number(this.looker.latest()) });
  }

  private focus(event: Event): Element | null {
    const root = (event.target as Node | null)?.ownerDocument ?? document;
    return focusIn(root);
  }

  private aim(target: Element | null): { seen: Seen; number: number; index: number | null } {
    const seen = this.looker.before(target);
    return { seen, number: this.number(seen), index: target ? (seen.indices.get(target) ?? null) : null };
  }

  /** The number under which a look was written down; equal looks in a row have one. */
  private number(seen: Seen): number {
    const known = this.numbers.get(seen);
    if (known !== undefined) return known;
    if (seen.json !== this.lastJson) {
      this.looks += 1;
      this.lastJson = seen.json;
      this.write({ kind: "see", at: now(), number: this.looks, look: seen.json });
    }
    this.numbers.set(seen, this.looks);
    return this.looks;
  }
}

/** Milliseconds since the epoch by the page's monotonic clock. */
function now(): number {
  return Math.round(performance.timeOrigin + performance.now());
}

function timeOf(event: Event): number {
  // Events of frames count from the start of the frame's document.
  const view = (event as UIEvent).view ?? (event.target as Node | null)?.ownerDocument?.defaultView;
  const origin = (view ?? window).performance.timeOrigin;
  return Math.round(origin + event.timeStamp);
}

function fieldKind(element: Element | null): FieldKind {
  if (!element || !isTextField(editingHost(element))) return "none";
  const kind = kindOf(editingHost(element));
  if (kind === "textarea" || kind === "editable") return "lines";
  return STEPPED.has(kind) ? "stepped" : "line";
}

function placeIn(element: Element | Document): { left: number; top: number } {
  const scroller = element.nodeType === Node.DOCUMENT_NODE
    ? (element as Document).scrollingElement
    : (element as Element);
  return { left: scroller?.scrollLeft ?? 0, top: scroller?.scrollTop ?? 0 };
}

/** The point in the coordinates of the look, in which the target may stand elsewhere than now. */
function within(
  seen: Seen,
  index: number | null,
  target: Element | null,
  event: MouseEvent,
  place: { x: number; y: number },
): { x: number; y: number } {
  const box = index === null ? undefined : seen.observation.elements[index]?.box;
  if (!box || !target) return place;
  const now = target.getBoundingClientRect();
  const scaled = (distance: number, actual: number, wanted: number) =>
    Math.round(actual < 1 || Math.abs(actual - wanted) <= 1 ? distance : (distance * wanted) / actual);
  return {
    x: box[0] + scaled(event.clientX - now.left, now.width, box[2]),
    y: box[1] + scaled(event.clientY - now.top, now.height, box[3]),
  };
}
