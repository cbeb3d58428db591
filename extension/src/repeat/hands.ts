/** Doing a step in the page as a script can: with the events that a person's input would cause. */

import { choose, optionNamed, scrollBy, type Choice } from "../page/live";
import { fieldKind, isTextField } from "../page/roles";
import type { Modifier, NamedKey } from "../workflow";

const KEYS: Record<Exclude<NamedKey, "shortcut">, string> = {
  enter: "Enter",
  tab: "Tab",
  space: " ",
  escape: "Escape",
  backspace: "Backspace",
  delete: "Delete",
  "arrow-up": "ArrowUp",
  "arrow-down": "ArrowDown",
  "arrow-left": "ArrowLeft",
  "arrow-right": "ArrowRight",
  "page-up": "PageUp",
  "page-down": "PageDown",
  home: "Home",
  end: "End",
};
const BUTTONS = { left: 0, middle: 1, right: 2 } as const;

/** How an element is pressed. */
export interface Press {
  button: "left" | "middle" | "right";
  modifiers: Modifier[];
  count: number;
  /** Where in it, in thousandths of its size; null for its middle. */
  at: [number, number] | null;
}

/** Press and release a button over an element. */
export function press(element: HTMLElement, { button, modifiers, count, at }: Press): void {
  const init = { ...pointIn(element, at), ...held(modifiers), button: BUTTONS[button] };
  for (let detail = 1; detail <= count; detail += 1) {
    pointer(element, "pointerdown", init);
    const wanted = mouse(element, "mousedown", { ...init, detail });
    if (wanted) focusOn(element);
    pointer(element, "pointerup", init);
    mouse(element, "mouseup", { ...init, detail });
    if (button === "right") mouse(element, "contextmenu", init);
    else if (button === "middle") mouse(element, "auxclick", init);
    else mouse(element, "click", { ...init, detail });
  }
  if (count === 2) mouse(element, "dblclick", { ...init, detail: 2 });
}

/** Take an element and let it go over another, or so many pixels further. */
export function drag(element: HTMLElement, drop: HTMLElement | null, by: [number, number] | null): void {
  const from = pointIn(element, null);
  const to = drop ? pointIn(drop, null) : moved(from, by ?? [0, 0]);
  const over = drop ?? element.ownerDocument.elementFromPoint(to.clientX, to.clientY) ?? element;
  pointer(element, "pointerdown", from);
  mouse(element, "mousedown", from);
  const data = new DataTransfer();
  const dragged = (target: Element, kind: string, at: object): boolean =>
    target.dispatchEvent(new DragEvent(kind, { bubbles: true, cancelable: true, composed: true, dataTransfer: data, ...at }));
  const native = (element.closest("[draggable=true]") ?? null) !== null && dragged(element, "dragstart", from);
  for (const part of [0.3, 0.7, 1]) {
    const at = moved(from, [(to.clientX - from.clientX) * part, (to.clientY - from.clientY) * part]);
    pointer(over, "pointermove", at);
    mouse(over, "mousemove", at);
  }
  if (native) {
    dragged(over, "dragenter", to);
    dragged(over, "dragover", to);
    dragged(over, "drop", to);
    dragged(element, "dragend", to);
  }
  pointer(over, "pointerup", to);
  mouse(over, "mouseup", to);
}

/** Make a field hold a text, as typing it would. Returns whether it does. */
export function enter(element: HTMLElement, text: string): boolean {
  const field = element as HTMLInputElement;
  if (field.disabled || field.readOnly || !isTextField(element)) return false;
  focusOn(element);
  const kind = fieldKind(element);
  const document = element.ownerDocument;
  if (kind === "editable") document.getSelection()?.selectAllChildren(element);
  else if (isSegmented(kind)) return setValue(field, asIso(kind, text));
  else field.select();
  document.execCommand(text ? "insertText" : "delete", false, text);
  if (kind === "editable") return (element.textContent ?? "").trim() === text.trim();
  if (field.value !== text) return setValue(field, text);
  field.dispatchEvent(new Event("change", { bubbles: true }));
  return true;
}

/** Choose from a list: the option with this label, or for null the one that a text names. */
export function pick(element: HTMLElement, label: string | null, instruction: string): Choice {
  const wanted = label ?? optionNamed(element, instruction);
  return wanted === null ? "no such option" : choose(element, wanted);
}

/** Press a named key at an element, with what the browser would do about it. */
export function key(element: HTMLElement, name: NamedKey, modifiers: Modifier[]): boolean {
  if (name === "shortcut") return false;
  if (element !== element.ownerDocument.body) focusOn(element);
  const init = { key: KEYS[name], code: name === "space" ? "Space" : KEYS[name], ...held(modifiers) };
  const event = (kind: string): boolean =>
    element.dispatchEvent(new KeyboardEvent(kind, { bubbles: true, cancelable: true, composed: true, ...init }));
  const wanted = event("keydown");
  if (wanted) follow(element, name);
  event("keyup");
  return true;
}

/** What the browser does when a key is pressed and the page does not object. */
function follow(element: HTMLElement, name: NamedKey): void {
  const kind = fieldKind(element);
  const control = element as HTMLInputElement;
  const pressable = element.matches("button, a[href], summary, [type=submit], [type=button], [type=reset]");
  if (name === "enter" && pressable) element.click();
  else if (name === "enter" && kind && kind !== "textarea" && kind !== "editable") control.form?.requestSubmit();
  else if (name === "space" && (pressable || kind === "checkbox" || kind === "radio")) element.click();
  else if (name === "page-down" || name === "page-up") scrollBy(element, 0, (name === "page-down" ? 0.9 : -0.9) * innerHeight);
  else if (name === "backspace") element.ownerDocument.execCommand("delete");
  else if (name === "delete") element.ownerDocument.execCommand("forwardDelete");
}

function focusOn(element: HTMLElement): void {
  const focusable = element.closest<HTMLElement>(
    "input, textarea, select, button, a[href], summary, [tabindex], [contenteditable]",
  );
  if (focusable) focusable.focus();
  else (element.ownerDocument.activeElement as HTMLElement | null)?.blur();
}

function pointIn(element: HTMLElement, at: [number, number] | null): { clientX: number; clientY: number } {
  const box = element.getBoundingClientRect();
  const [x, y] = at ?? [500, 500];
  return { clientX: box.left + (box.width * x) / 1000, clientY: box.top + (box.height * y) / 1000 };
}

function moved(
  { clientX, clientY }: { clientX: number; clientY: number },
  [dx, dy]: [number, number],
): { clientX: number; clientY: number } {
  return { clientX: clientX + dx, clientY: clientY + dy };
}

function held(modifiers: Modifier[]): EventModifierInit {
  return {
    altKey: modifiers.includes("alt"),
    ctrlKey: modifiers.includes("control"),
    metaKey: modifiers.includes("meta"),
    shiftKey: modifiers.includes("shift"),
  };
}

function pointer(element: Element, kind: string, init: PointerEventInit): boolean {
  const event = { bubbles: true, cancelable: true, composed: true, pointerId: 1, isPrimary: true, pointerType: "mouse" };
  return element.dispatchEvent(new PointerEvent(kind, { ...event, ...init }));
}

function mouse(element: Element, kind: string, init: MouseEventInit): boolean {
  return element.dispatchEvent(
    new MouseEvent(kind, { bubbles: true, cancelable: true, composed: true, view: window, ...init }),
  );
}

function isSegmented(kind: string): boolean {
  return ["date", "time", "month", "week", "datetime-local"].includes(kind);
}

/** Frameworks listen to the events and hide the property; the prototype's setter is the browser's. */
function setValue(field: HTMLInputElement, value: string): boolean {
  const prototype = field.localName === "textarea" ? HTMLTextAreaElement.prototype : HTMLInputElement.prototype;
  Object.getOwnPropertyDescriptor(prototype, "value")?.set?.call(field, value);
  field.dispatchEvent(new InputEvent("input", { bubbles: true, composed: true, inputType: "insertText", data: value }));
  field.dispatchEvent(new Event("change", { bubbles: true }));
  return field.value === value;
}

/** A date or time as fields hold it, from how the person's language writes it. */
function asIso(kind: string, text: string): string {
  const numbers = text.match(/\d+/g) ?? [];
  const two = (part: string | undefined): string => (part ?? "").padStart(2, "0");
  if (kind === "time" && numbers.length >= 2) {
    const afternoon = /p\.?m/i.test(text) ? 12 : 0;
    const hour = /[ap]\.?m/i.test(text) ? (Number(numbers[0]) % 12) + afternoon : Number(numbers[0]);
    return `${two(String(hour))}:${two(numbers[1])}`;
  }
  if (kind !== "date" || numbers.length !== 3 || numbers[0]!.length === 4) return text;
  const order = new Intl.DateTimeFormat().formatToParts(new Date(0)).map(({ type }) => type);
  const [first, second] = order.indexOf("month") < order.indexOf("day") ? [0, 1] : [1, 0];
  return `${numbers[2]}-${two(numbers[first])}-${two(numbers[second])}`;
}
