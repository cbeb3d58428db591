/** Where a live element can be pressed, and whether a press there would reach it. */

import { partsOf } from "../repeat/values";
import { frameDocument, shadowOf } from "./deep";
import { findSpan } from "./spans";

/** In CSS pixels of the window; `covered` names what lies above, "" where nothing does. */
export interface Place {
  x: number;
  y: number;
  covered: string;
}

type Target = Element | Range;

/** Whether an element is still part of a document that is shown. */
export function isConnected(target: Target): boolean {
  const node = "localName" in target ? target : target.startContainer;
  return node.isConnected && node.ownerDocument?.defaultView != null;
}

/**
 * Bring a target into view and say where to press it: `offset` from its top left corner, or its
 * middle. Null when it has no size or has left the page.
 */
export function placeOf(target: Target, offset?: [number, number] | null): Place | null {
  if (!isConnected(target)) return null;
  const element = "localName" in target ? target : target.startContainer.parentElement;
  if (!element) return null;
  if (!inView(target, offset)) element.scrollIntoView({ block: "center", inline: "center", behavior: "instant" });
  const candidates = offset ? [pointIn(target, offset)] : pointsOf(target);
  let first: Place | null = null;
  for (const point of candidates) {
    if (!point) continue;
    const covered = coveredBy(element, point);
    if (!covered) return { ...outward(element, point), covered };
    first ??= { ...outward(element, point), covered };
  }
  return first;
}

type Point = { x: number; y: number };

/** The middle of each of its rectangles, then other points of the first: parts may be covered. */
function pointsOf(target: Target): Point[] {
  const boxes = [...target.getClientRects()].filter((box) => box.width > 0 && box.height > 0);
  const middles = boxes.map((box) => inBox(box, 0.5, 0.5));
  const box = boxes[0];
  if (!box) return [];
  const whole = target.getBoundingClientRect();
  const others = [
    [0.25, 0.5],
    [0.75, 0.5],
    [0.5, 0.15],
    [0.5, 0.85],
  ].map(([x, y]) => inBox(whole, x!, y!));
  return boxes.length === 1 ? [...middles, ...others] : middles;
}

function inBox(box: DOMRect, x: number, y: number): Point {
  return { x: box.left + box.width * x, y: box.top + box.height * y };
}

function pointIn(target: Target, [x, y]: [number, number]): Point | null {
  const box = target.getBoundingClientRect();
  return box.width > 0 && box.height > 0 ? { x: box.left + x, y: box.top + y } : null;
}

function inView(target: Target, offset?: [number, number] | null): boolean {
  const point = offset ? pointIn(target, offset) : pointsOf(target)[0];
  const element = "localName" in target ? target : target.startContainer.parentElement!;
  const view = element.ownerDocument.defaultView!;
  if (!point || point.x < 0 || point.y < 0 || point.x >= view.innerWidth || point.y >= view.innerHeight) {
    return false;
  }
  const hit = deepest(element.ownerDocument, point);
  return hit !== null && reaches(element, hit);
}

/** What lies above an element at a point of its frame, as `tag#id.class`; "" where nothing does. */
function coveredBy(element: Element, point: Point): string {
  const hit = deepest(element.ownerDocument, point);
  if (!hit) return "outside the window";
  if (reaches(element, hit)) return "";
  const classes = typeof hit.className === "string" ? hit.className.split(/\s+/).filter(Boolean) : [];
  return [hit.localName, hit.id && `#${hit.id}`, ...classes.map((name) => `.${name}`)].join("");
}

/** Whether a press on `hit` reaches `element`: it is inside it, or its label. */
function reaches(element: Element, hit: Element): boolean {
  for (let node: Node | null = hit; node; node = parentOf(node)) if (node === element) return true;
  const label = hit.closest("label") as HTMLLabelElement | null;
  return label?.control === element;
}

function parentOf(node: Node): Node | null {
  return node.parentNode ?? (node as ShadowRoot).host ?? null;
}

/** The element at a point of a document, looked for inside shadow roots. */
export function deepest(document: Document, point: Point): Element | null {
  let hit = document.elementFromPoint(point.x, point.y);
  for (;;) {
    const shadow: ShadowRoot | null = hit && shadowOf(hit);
    const inner: Element | null = shadow?.elementFromPoint(point.x, point.y) ?? null;
    if (!inner || inner === hit) return hit;
    hit = inner;
  }
}

/** A point of a frame in pixels of the top window. */
function outward(element: Element, point: Point): Point {
  let { x, y } = point;
  let view: Window | null = element.ownerDocument.defaultView;
  while (view && view !== view.top) {
    const owner = view.frameElement;
    if (!owner || !frameDocument(owner)) break;
    const box = owner.getBoundingClientRect();
    x += box.left + owner.clientLeft;
    y += box.top + owner.clientTop;
    view = view.parent === view ? null : view.parent;
  }
  return { x, y };
}

/** Whether a field holds no characters. */
export function isEmpty(element: Element): boolean {
  const value = (element as HTMLInputElement).value;
  return (typeof value === "string" ? value : (element.textContent ?? "")) === "";
}

/** How choosing from a list ended; anything but `chosen` is a reason. */
export type Choice = "chosen" | "gone" | "not a list" | "no such option" | "several such options" | "disabled";

/** Choose the option of a list that has this label, or the option itself for an empty label. */
export function choose(element: Element, label: string): Choice {
  const list = element.closest("select");
  if (!list) return "not a list";
  if (list.disabled) return "disabled";
  let options = element.localName === "option" ? [element as HTMLOptionElement] : optionsOf(list, label);
  if (!options.length && list.multiple) options = severalOf(list, label);
  else if (options.length > 1) return "several such options";
  if (!options.length) return "no such option";
  if (options.some((option) => option.disabled)) return "disabled";
  list.focus();
  if (list.multiple) for (const option of list.options) option.selected = options.includes(option);
  // Options of a list may share a value; their positions differ.
  else list.selectedIndex = options[0]!.index;
  list.dispatchEvent(new Event("input", { bubbles: true, composed: true }));
  list.dispatchEvent(new Event("change", { bubbles: true }));
  return "chosen";
}

function optionsOf(list: HTMLSelectElement, label: string): HTMLOptionElement[] {
  const same = (text: string): string => text.replace(/\s+/g, " ").trim();
  const options = [...list.options];
  const exact = options.filter((option) => same(option.label) === same(label));
  if (exact.length) return exact;
  return options.filter((option) => same(option.label).toLowerCase() === same(label).toLowerCase());
}

/** The options that a label lists, `a, b and c`; none unless each is there once. */
function severalOf(list: HTMLSelectElement, label: string): HTMLOptionElement[] {
  const found = partsOf(label).map((part) => optionsOf(list, part));
  return found.every((options) => options.length === 1) ? found.flat() : [];
}

/** The label of the option of a list that a text names, the longest; null without just one. */
export function optionNamed(element: Element, text: string): string | null {
  const list = element.closest("select");
  if (!list) return null;
  const named = [...list.options]
    .map((option) => option.label.trim())
    .filter((label) => label && findSpan(label, text)?.transform === "none");
  const longest = named.filter((label) => !named.some((other) => other !== label && other.includes(label)));
  return new Set(longest).size === 1 ? longest[0]! : null;
}

/** Scroll the nearest element that can be scrolled, the page for null; whether it moved. */
export function scrollBy(element: Element | null, dx: number, dy: number): boolean {
  let scroller: Element | null = element;
  while (scroller && !canScroll(scroller)) scroller = scroller.parentElement;
  scroller ??= document.scrollingElement ?? document.documentElement;
  const before = [scroller.scrollLeft, scroller.scrollTop];
  scroller.scrollBy({ left: dx, top: dy, behavior: "instant" });
  return scroller.scrollLeft !== before[0] || scroller.scrollTop !== before[1];
}

function canScroll(element: Element): boolean {
  const style = element.ownerDocument.defaultView!.getComputedStyle(element);
  const scrolls = (overflow: string): boolean => overflow === "auto" || overflow === "scroll";
  return (
    (scrolls(style.overflowY) && element.scrollHeight > element.clientHeight) ||
    (scrolls(style.overflowX) && element.scrollWidth > element.clientWidth)
  );
}
