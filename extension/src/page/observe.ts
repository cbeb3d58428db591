/**
 * The observation of a page: its visible elements as the schema of workflows describes them, and
 * the live node behind each.
 *
 * Leak-free: geometry is that of the document whatever has been scrolled, classes that only a
 * pointer over the element causes are left out, and values are told by their pattern.
 */

import type { Element as Described, Frame, Observation, Page, State } from "../workflow";
import { linesOf } from "./lines";
import { patternOf } from "./pattern";
import { findSpan } from "./spans";
import { collapse, fieldKind, isTextField, nameOf, roleOf } from "./roles";

const MAX_ELEMENTS = 5_000;
const MAX_DEPTH = 250;
const MAX_TEXT = 2_000;
const MAX_LABEL = 64;
const MAX_IDENTIFIER = 200;
const MAX_CLASSES = 50;
const MAX_PIXELS = 10_000_000;

/** Rendered states of being pointed at, wherever jQuery UI and its likes put them. */
const POINTER_CLASS = /hover|^ui-state-focus$|^ui-visual-focus$/;
const MENU_ITEM = "ui-menu-item-wrapper";
/** Shapes and glyphs of drawings. */
const PAINTED = new Set(["circle", "ellipse", "path", "polygon", "polyline", "rect", "text", "tspan"]);

export interface ObserveOptions {
  /** Takes what is private out of a text before it is kept. */
  redact?: (text: string) => string;
  /** The same for ids, classes and parts of addresses. */
  redactToken?: (token: string) => string;
  /** A selector of elements that are no part of the page, such as a script's own controls. */
  ignore?: string;
  /** The most elements to describe (5,000, the most the schema takes). */
  limit?: number;
  /**
   * Describe what the public demonstrations describe: they leave out all that is inside an element
   * without a size, and take editable text for ordinary text.
   */
  demonstration?: boolean;
  /** Where the values of fields are looked for, so that it can be said where they stand in it. */
  instruction?: string;
  /** Fields of which nothing but the place may be told. */
  isPrivate?: (element: Element) => boolean;
}

export interface Observed {
  observation: Observation;
  /** The element, or the line of text, that each described element stands for. */
  nodes: (Element | Range)[];
}

/** What is handed down the tree: where the parent is described and how its frame is placed. */
interface Place {
  parent: number;
  depth: number;
  frame: number;
  shadow: boolean;
  x: number;
  y: number;
  color: string;
}

interface Walk {
  elements: Described[];
  nodes: (Element | Range)[];
  frames: Frame[];
  redact: (text: string) => string;
  redactToken: (token: string) => string;
  ignore: string;
  limit: number;
  demonstration: boolean;
  instruction: string;
  isPrivate: (element: Element) => boolean;
  focused: Element | null;
}

/** Observe the page this script runs in. */
export function observe(options: ObserveOptions = {}): Observed {
  const walk: Walk = {
    elements: [],
    nodes: [],
    frames: [],
    redact: options.redact ?? ((text) => text),
    redactToken: options.redactToken ?? options.redact ?? ((token) => token),
    ignore: options.ignore ?? "",
    limit: options.limit ?? MAX_ELEMENTS,
    demonstration: options.demonstration ?? false,
    instruction: options.instruction ?? "",
    isPrivate: options.isPrivate ?? (() => false),
    focused: focusedElement(document),
  };
  const place = { parent: -1, depth: 0, frame: 0, shadow: false, x: scrollX, y: scrollY, color: "" };
  if (document.body) visit(walk, document.body, place);
  nameFields(walk);
  const observation: Observation = {
    page: pageOf(document, walk.redact),
    width: Math.min(innerWidth, 100_000),
    height: Math.min(innerHeight, 100_000),
    elements: walk.elements,
  };
  if (walk.frames.length) observation.frames = walk.frames;
  return { observation, nodes: walk.nodes };
}

/** The element that has the keyboard, looked for inside shadow roots and frames. */
export function focusedElement(root: Document | ShadowRoot): Element | null {
  const element = root.activeElement;
  if (!element) return null;
  const shadow = shadowRootOf(element);
  if (shadow?.activeElement) return focusedElement(shadow);
  const inner = frameDocument(element);
  return (inner && focusedElement(inner)) || (element === element.ownerDocument.body ? null : element);
}

/** The shadow root of an element; closed ones too where the browser tells extensions. */
export function shadowRootOf(element: Element): ShadowRoot | null {
  if (element.shadowRoot) return element.shadowRoot;
  const browser = (globalThis as { chrome?: { dom?: { openOrClosedShadowRoot?: unknown } } }).chrome;
  const open = browser?.dom?.openOrClosedShadowRoot as ((of: Element) => ShadowRoot | null) | undefined;
  return open && "attachShadow" in element ? open(element) : null;
}

/** The document in a frame of the same origin. */
export function frameDocument(element: Element): Document | null {
  if (element.localName !== "iframe" && element.localName !== "frame") return null;
  try {
    return (element as HTMLIFrameElement).contentDocument;
  } catch {
    return null;
  }
}

/** Origin, path and title of a document, without query and fragment. */
export function pageOf(document: Document, redact: (text: string) => string): Page {
  const { origin, pathname } = document.location;
  return {
    origin: (origin === "null" ? "" : origin).slice(0, 300),
    path: redact(pathname).slice(0, MAX_TEXT),
    title: redact(collapse(document.title)).slice(0, MAX_TEXT),
  };
}

function visit(walk: Walk, element: Element, place: Place): void {
  if (walk.elements.length >= walk.limit || place.depth > MAX_DEPTH) return;
  if (walk.ignore && element.matches(walk.ignore)) return;
  const style = element.ownerDocument.defaultView!.getComputedStyle(element);
  if (style.display === "none") return;
  const box = element.getBoundingClientRect();
  const hasSize = box.width > 0 && box.height > 0;
  if (!hasSize && (walk.demonstration || style.overflow !== "visible")) return;
  let inside = place;
  if (style.position === "fixed") inside = { ...place, x: 0, y: 0 };
  if (hasSize && style.visibility === "visible") inside = add(walk, element, style, box, inside);
  descend(walk, element, {
    ...inside,
    depth: place.depth + 1,
    x: inside.x + (element.parentElement ? element.scrollLeft * own(element) : 0),
    y: inside.y + (element.parentElement ? element.scrollTop * own(element) : 0),
  });
}

/** 0 for the elements whose scrolling is that of the page. */
function own(element: Element): number {
  return element === element.ownerDocument.scrollingElement || element === element.ownerDocument.body ? 0 : 1;
}

/** Describe an element; returns the place its children are in. */
function add(walk: Walk, element: Element, style: CSSStyleDeclaration, box: DOMRect, place: Place): Place {
  const index = walk.elements.length;
  const color = colour(style.color);
  walk.elements.push(describe(walk, element, style, box, place, color));
  walk.nodes.push(element);
  return { ...place, parent: index, color: color || place.color };
}

function describe(
  walk: Walk,
  element: Element,
  style: CSSStyleDeclaration,
  box: DOMRect,
  place: Place,
  color: string,
): Described {
  const described: Described = {
    parent: place.parent,
    tag: element.localName.slice(0, MAX_LABEL),
    box: boxOf(box, place),
  };
  const role = roleOf(element).slice(0, MAX_LABEL);
  if (role) described.role = role;
  if (place.frame) described.frame = place.frame;
  if (place.shadow) described.shadow = true;
  if (walk.isPrivate(element)) return { ...described, private: true };
  addWords(walk, element, described);
  const states = statesOf(element, walk.focused);
  if (states.length) described.states = states;
  if (color && color !== place.color) described.color = color;
  const background = colour(style.backgroundColor);
  if (background) described.background = background;
  const fill = PAINTED.has(described.tag) ? colour(style.fill) : "";
  if (fill) described.fill = fill;
  return described;
}

/** What a page says of an element in words: those of its author, never a value's. */
function addWords(walk: Walk, element: Element, described: Described): void {
  const field = isField(walk, element);
  const put = (key: "name" | "text" | "id", text: string, most: number): void => {
    const redacted = (key === "id" ? walk.redactToken : walk.redact)(text).slice(0, most);
    if (redacted) described[key] = redacted;
  };
  if (described.tag === "input") described.type = (element as HTMLInputElement).type;
  put("name", nameOf(element), MAX_TEXT);
  put("text", field ? "" : ownText(element), MAX_TEXT);
  put("id", element.id, MAX_IDENTIFIER);
  const classes = classesOf(element, walk.redactToken);
  if (classes.length) described.classes = classes;
  if (field) addValue(walk, element, described);
}

function addValue(walk: Walk, element: Element, described: Described): void {
  const field = element as HTMLInputElement;
  const value = fieldKind(element) === "editable" ? collapse(element.textContent ?? "") : field.value;
  described.value = patternOf(value, field.type === "password");
  const span = walk.instruction ? findSpan(value, walk.instruction) : null;
  if (span?.transform === "none") described.value_at = [span.start, span.end];
}

function boxOf(box: DOMRect, place: Place): [number, number, number, number] {
  return [box.left + place.x, box.top + place.y, box.width, box.height].map((pixels) =>
    Math.max(-MAX_PIXELS, Math.min(MAX_PIXELS, Math.floor(pixels + 0.5))),
  ) as [number, number, number, number];
}

/** The children as they are laid out: those of the shadow root, what a slot is given, a frame's. */
function descend(walk: Walk, element: Element, place: Place): void {
  const frame = frameDocument(element);
  if (frame || element.localName === "iframe") {
    enterFrame(walk, element, frame, place);
    return;
  }
  if (isField(walk, element) || walk.isPrivate(element)) return;
  const shadow = shadowRootOf(element);
  const inside = shadow ? { ...place, shadow: true } : place;
  const children = shadow ? [...shadow.childNodes] : childrenOf(element);
  const alone = ownText(element) !== "" && !shadow;
  for (const child of children) {
    if (child.nodeType === Node.ELEMENT_NODE) visit(walk, child as Element, inside);
    else if (child.nodeType === Node.TEXT_NODE && !alone) addLines(walk, child as Text, inside);
  }
}

function childrenOf(element: Element): Node[] {
  if (element.localName === "slot") {
    const assigned = (element as HTMLSlotElement).assignedNodes();
    if (assigned.length) return assigned;
  }
  return [...element.childNodes];
}

function addLines(walk: Walk, node: Text, place: Place): void {
  if (!/\S/.test(node.data)) return;
  const parent = node.parentElement;
  if (parent && getComputedStyle(parent).visibility !== "visible") return;
  for (const line of linesOf(node)) {
    if (walk.elements.length >= walk.limit) return;
    const described: Described = { parent: place.parent, tag: "#text", box: boxOf(line.box, place) };
    described.text = walk.redact(line.text).slice(0, MAX_TEXT);
    if (place.frame) described.frame = place.frame;
    if (place.shadow) described.shadow = true;
    walk.elements.push(described);
    walk.nodes.push(line.range);
  }
}

function enterFrame(walk: Walk, element: Element, inner: Document | null, place: Place): void {
  if (walk.nodes[place.parent] !== element || walk.frames.length >= 1_000) return;
  const page = inner ? pageOf(inner, walk.redact) : null;
  walk.frames.push({ owner: place.parent, page });
  if (!inner?.body || !inner.defaultView) return;
  const outer = element.getBoundingClientRect();
  visit(walk, inner.body, {
    ...place,
    frame: walk.frames.length,
    shadow: false,
    color: "",
    x: place.x + outer.left + element.clientLeft + inner.defaultView.scrollX,
    y: place.y + outer.top + element.clientTop + inner.defaultView.scrollY,
  });
}

/** Whether what it holds is a value, of which only the pattern is told. */
function isField(walk: Walk, element: Element): boolean {
  return isTextField(element) && !(walk.demonstration && fieldKind(element) === "editable");
}

/** The text of an element that holds nothing but text, or the label of an input that is a button. */
function ownText(element: Element): string {
  const kind = fieldKind(element);
  if (kind === "button" || kind === "submit" || kind === "reset") {
    return collapse((element as HTMLInputElement).value);
  }
  if ((kind && kind !== "editable") || element.childElementCount || shadowRootOf(element)) return "";
  const texts = [...element.childNodes].filter((node) => node.nodeType === Node.TEXT_NODE);
  return collapse(texts.map((node) => (node as Text).data.trim()).join(" "));
}

function classesOf(element: Element, redact: (text: string) => string): string[] {
  if (typeof element.className !== "string") return [];
  const tokens = element.className.split(/\s+/).filter(Boolean);
  const pointed = tokens.includes(MENU_ITEM) ? "ui-state-active" : "";
  return tokens
    .filter((token) => token !== pointed && !POINTER_CLASS.test(token))
    .slice(0, MAX_CLASSES)
    .map((token) => redact(token).slice(0, MAX_IDENTIFIER));
}

function statesOf(element: Element, focused: Element | null): State[] {
  const field = element as HTMLInputElement;
  const aria = (name: string): boolean => element.getAttribute(`aria-${name}`) === "true";
  const states: [State, boolean][] = [
    ["focused", element === focused],
    ["checked", (isToggle(element) && field.checked) || aria("checked")],
    ["selected", (element.localName === "option" && (element as HTMLOptionElement).selected) || aria("selected")],
    ["expanded", aria("expanded") || (element.localName === "details" && (element as HTMLDetailsElement).open)],
    ["pressed", aria("pressed")],
    ["disabled", element.matches(":disabled") || aria("disabled")],
    ["readonly", (isTextField(element) && field.readOnly === true) || aria("readonly")],
    ["required", field.required === true || aria("required")],
    ["invalid", aria("invalid")],
  ];
  return states.filter(([, holds]) => holds).map(([state]) => state);
}

function isToggle(element: Element): boolean {
  const kind = fieldKind(element);
  return kind === "checkbox" || kind === "radio";
}

/** A colour as #rrggbb; "" for what is transparent or in another colour space. */
export function colour(text: string): string {
  const match = /^rgba?\((\d+), (\d+), (\d+)(?:, ([\d.]+))?\)$/.exec(text);
  if (!match || match[4] === "0") return "";
  return "#" + [1, 2, 3].map((part) => Number(match[part]).toString(16).padStart(2, "0")).join("");
}

/** Give fields without any accessible name the text that stands beside them. */
function nameFields({ elements, nodes }: Walk): void {
  elements.forEach((described, index) => {
    const node = nodes[index];
    if (described.name || described.private || !node || !("localName" in node)) return;
    const kind = fieldKind(node);
    const name = kind === "checkbox" || kind === "radio" ? "" : textBefore(elements, index, node, kind);
    if (name) described.name = name;
  });
}

function textBefore(elements: Described[], index: number, node: Element, kind: string): string {
  if (!isTextField(node) && kind !== "select") return "";
  const parent = elements[index]!.parent;
  for (let before = index - 1; before > parent; before -= 1) {
    const element = elements[before]!;
    if (element.parent === parent && element.text) return element.text;
    if (["input", "textarea", "select"].includes(element.tag)) return "";
  }
  return "";
}
