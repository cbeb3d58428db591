/**
 * The observation of a page: its visible elements as the schema of workflows describes them, and
 * the live node behind each.
 *
 * Leak-free: geometry is that of the document whatever has been scrolled, classes that only a
 * pointer over the element causes are left out, and values are told by their pattern.
 */

import type { Element as Described, Frame, Observation, Page } from "../workflow";
import { focusIn, frameDocument, isFrame, pathOf, shadowOf, viewportOffset } from "./deep";
import { classesOf, colour, MAX_IDENTIFIER, ownText, statesOf } from "./describe";
import { linesOf } from "./lines";
import { patternOf } from "./pattern";
import { findSpan } from "./spans";
import { collapse, fieldKind, isTextField, nameOf, roleOf, valueOf } from "./roles";

const MAX_ELEMENTS = 5_000;
const MAX_DEPTH = 250;
const MAX_TEXT = 2_000;
const MAX_LABEL = 64;
const MAX_PIXELS = 10_000_000;

/** Shapes and glyphs of drawings. */
const PAINTED = new Set(["circle", "ellipse", "path", "polygon", "polyline", "rect", "text", "tspan"]);

export interface ObserveOptions {
  /** Takes what is private out of a text before it is kept. */
  redact?: (text: string) => string;
  /** The same for ids and classes. */
  redactToken?: (token: string) => string;
  /** What is told of a document's address and title; all but query and fragment by default. */
  pageOf?: (document: Document) => Page;
  /** A selector of elements that are no part of the page, such as a script's own controls. */
  ignore?: string;
  /** The most elements to describe (5,000, the most the schema takes). */
  limit?: number;
  /**
   * Describe what the public demonstrations describe: they leave out all that is inside an element
   * without a size, and take editable text for ordinary text.
   */
  demonstration?: boolean;
  /** Where values of fields and redacted words are looked for, to say where they stand in it. */
  instruction?: string;
  /** Fields of which nothing but the place may be told. */
  isPrivate?: (element: Element) => boolean;
  /** This element and what it is in is described even where the page has more than fits. */
  target?: Element | null;
  /** By `performance.now()`: nothing but the target is described after it. */
  deadline?: number;
  /** An earlier look at the same page by the same options, and what may differ from it since. */
  earlier?: Earlier | null;
}

/** A look with what it takes to tell parts of it again: all by the index of the element. */
export interface Kept {
  elements: Described[];
  nodes: (Element | Range)[];
  texts: string[];
  /** Where what is in the element ends. */
  ends: number[];
  /** The colour around it. */
  colors: string[];
  /** Whether what is in it stays as it is as long as nothing tells of a change. */
  steady: boolean[];
  /** Whether it changes without anything telling of it: a field has another value, name or state. */
  live: boolean[];
  indices: Map<Element, number>;
}

export interface Earlier {
  look: Kept;
  /** Whether something in the element, or it itself, may have changed. */
  touched: (element: Element) => boolean;
  /** Whether everything in it is to be looked at, changed or not. */
  anew: (element: Element) => boolean;
}

export interface Observed {
  observation: Observation;
  /** The element, or the line of text, that each described element stands for. */
  nodes: (Element | Range)[];
  /** The text of each described element in the page's own words. */
  texts: string[];
  kept: Kept;
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
  /** Nothing in here is told as it was told earlier. */
  anew: boolean;
}

interface Walk extends Required<Omit<ObserveOptions, "target">>, Kept {
  /** Counts what may change without anything telling of it. */
  unsteady: number;
  frames: Frame[];
  focused: Element | null;
  path: Set<Element>;
  shadows: Map<Element, ShadowRoot | null>;
  late: boolean;
}

/** Observe the page this script runs in. */
export function observe(options: ObserveOptions = {}): Observed {
  const walk = begin(options);
  const anew = !walk.earlier || walk.earlier.anew(document.documentElement);
  const place = { parent: -1, depth: 0, frame: 0, shadow: false, color: "", anew, ...viewportOffset(window) };
  if (document.body) visit(walk, document.body, place);
  nameFields(walk);
  const observation: Observation = {
    page: walk.pageOf(document),
    width: Math.min(innerWidth, 100_000),
    height: Math.min(innerHeight, 100_000),
    elements: walk.elements,
  };
  if (walk.frames.length) observation.frames = walk.frames;
  const { elements, nodes, texts, ends, colors, steady, live, indices } = walk;
  return { observation, nodes, texts, kept: { elements, nodes, texts, ends, colors, steady, live, indices } };
}

function begin({ target = null, ...options }: ObserveOptions): Walk {
  const redact = options.redact ?? ((text) => text);
  return {
    redact,
    redactToken: redact,
    pageOf: (document) => pageOf(document, redact),
    ignore: "",
    limit: MAX_ELEMENTS,
    demonstration: false,
    instruction: "",
    isPrivate: () => false,
    deadline: Infinity,
    ...options,
    earlier: target ? null : (options.earlier ?? null),
    elements: [],
    nodes: [],
    texts: [],
    ends: [],
    colors: [],
    steady: [],
    live: [],
    indices: new Map(),
    unsteady: 0,
    frames: [],
    focused: focusIn(document),
    path: pathOf(target),
    shadows: new Map(),
    late: false,
  };
}

/** Origin, path and title of a document, without query and fragment. */
function pageOf(document: Document, redact: (text: string) => string): Page {
  const { origin, pathname } = document.location;
  return {
    origin: (origin === "null" ? "" : origin).slice(0, 300),
    path: redact(pathname).slice(0, MAX_TEXT),
    title: redact(collapse(document.title)).slice(0, MAX_TEXT),
  };
}

function visit(walk: Walk, element: Element, place: Place): void {
  if (place.depth > MAX_DEPTH || !fits(walk, element)) {
    walk.unsteady += 1; // there may be room the next time
    return;
  }
  if (walk.ignore && element.matches(walk.ignore)) return;
  const box = element.getBoundingClientRect();
  if (!place.anew && repeat(walk, element, box, place)) return;
  const hasSize = box.width > 0 && box.height > 0;
  // Most of what is not shown is found out without asking for its style.
  if (!hasSize && (walk.demonstration || !(element.firstChild || shadowIn(walk, element)))) return;
  const view = element.ownerDocument.defaultView!;
  const style = view.getComputedStyle(element);
  // Each property takes its time: what has a size is displayed.
  if (!hasSize && (style.display === "none" || style.overflow !== "visible")) return;
  const { position } = style;
  let inside = position === "fixed" ? { ...place, ...fixedOffset(view) } : place;
  const before = walk.unsteady;
  if (position === "sticky") walk.unsteady += 1;
  if (!inside.anew && walk.earlier?.anew(element)) inside = { ...inside, anew: true };
  const index = walk.elements.length;
  const shown = hasSize && style.visibility === "visible";
  if (shown) inside = add(walk, element, style, box, inside);
  descend(walk, element, inside);
  if (!shown) return;
  walk.ends[index] = walk.elements.length;
  walk.steady[index] = walk.unsteady === before && !walk.late && !place.frame && !place.shadow;
}

/** Tell an element with all that is in it as it was told earlier, where nothing can have changed. */
function repeat(walk: Walk, element: Element, box: DOMRect, place: Place): boolean {
  const { earlier } = walk;
  const start = earlier?.look.indices.get(element);
  if (!earlier || start === undefined || place.frame || place.shadow || earlier.touched(element)) return false;
  const { look } = earlier;
  const end = look.ends[start]!;
  if (!look.steady[start] || look.colors[start] !== place.color || walk.elements.length + end - start > walk.limit) return false;
  const was = look.elements[start]!.box;
  if (boxOf(box, place).some((pixels, index) => pixels !== was[index])) return false;
  for (let index = start; index < end; index += 1) if (look.live[index] && isSecret(walk, look.nodes[index] as Element)) return false;
  const by = walk.elements.length - start;
  for (let index = start; index < end; index += 1) {
    const told = look.elements[index]!;
    const parent = index === start ? place.parent : told.parent + by;
    repeatOne(walk, look, index, told.parent === parent ? told : { ...told, parent }, by);
  }
  return true;
}

/** Values, names and states of fields change without anything telling of it: they are looked at. */
function repeatOne(walk: Walk, look: Kept, index: number, told: Described, by: number): void {
  const node = look.nodes[index]!;
  if ("localName" in node) walk.indices.set(node, walk.elements.length);
  walk.texts.push(look.texts[index]!);
  walk.elements.push(look.live[index] ? describeAgain(walk, node as Element, told) : told);
  walk.nodes.push(node);
  walk.colors.push(look.colors[index]!);
  walk.ends.push(look.ends[index]! + by);
  walk.steady.push(look.steady[index]!);
  walk.live.push(look.live[index]!);
}

function describeAgain(walk: Walk, element: Element, told: Described): Described {
  const { parent, tag, box, role, color, background, fill } = told;
  const described: Described = { parent, tag, box };
  if (role) described.role = role;
  walk.texts[walk.elements.length] = "";
  addWords(walk, element, described);
  const states = statesOf(element, walk.focused);
  if (states.length) described.states = states;
  if (color) described.color = color;
  if (background) described.background = background;
  if (fill) described.fill = fill;
  return described;
}

/** Whether there is room and time; the target and what it is in always fit. */
function fits(walk: Walk, element: Element): boolean {
  if (walk.elements.length % 64 === 0) walk.late ||= performance.now() > walk.deadline;
  const full = walk.late || walk.elements.length + walk.path.size >= walk.limit;
  return !full || (walk.path.has(element) && walk.elements.length < walk.limit);
}

/** What is fixed to the window does not move when the page is scrolled. */
function fixedOffset(view: Window): { x: number; y: number } {
  const { x, y } = viewportOffset(view);
  return { x: x - view.scrollX, y: y - view.scrollY };
}

/**
 * Chromium takes its time to tell of closed roots: it is asked once for each element, and not for
 * those that hold a text and nothing else.
 */
function shadowIn(walk: Walk, element: Element): ShadowRoot | null {
  let shadow = walk.shadows.get(element);
  if (shadow === undefined) walk.shadows.set(element, (shadow = holdsText(element) ? element.shadowRoot : shadowOf(element)));
  return shadow;
}

function holdsText({ firstChild }: Element): boolean {
  return firstChild?.nodeType === Node.TEXT_NODE && !firstChild.nextSibling && /\S/.test((firstChild as Text).data);
}

/** Where what is in an element is placed: it moves as the element is scrolled, unless the page is. */
function within(element: Element, place: Place): Place {
  const { scrollingElement, body } = element.ownerDocument;
  const depth = place.depth + 1;
  if (!element.parentElement || element === scrollingElement || element === body) return { ...place, depth };
  return { ...place, depth, x: place.x + element.scrollLeft, y: place.y + element.scrollTop };
}

/** Describe an element; returns the place its children are in. */
function add(walk: Walk, element: Element, style: CSSStyleDeclaration, box: DOMRect, place: Place): Place {
  const index = walk.elements.length;
  const color = colour(style.color);
  walk.texts.push("");
  const described = describe(walk, element, style, box, place, color);
  walk.elements.push(described);
  walk.nodes.push(element);
  walk.indices.set(element, index);
  walk.colors.push(place.color);
  walk.ends.push(0);
  walk.steady.push(false);
  walk.live.push(!described.private && (element.localName === "option" || fieldKind(element) !== ""));
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
  if (isSecret(walk, element)) return { ...described, private: true };
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
  const id = walk.redactToken(element.id).slice(0, MAX_IDENTIFIER);
  const classes = classesOf(element, walk.redactToken);
  if (described.tag === "input") described.type = (element as HTMLInputElement).type;
  say(walk, described, "name", nameOf(element));
  const text = field || shadowIn(walk, element) ? "" : ownText(element);
  if (text) walk.texts[walk.elements.length] = say(walk, described, "text", text);
  if (id) described.id = id;
  if (classes.length) described.classes = classes;
  if (field) addValue(walk, element, described);
}

/** Tell words, redacted; words that are masked may still be words of the instruction. */
function say(walk: Walk, described: Described, key: "name" | "text", words: string): string {
  const text = words.slice(0, MAX_TEXT);
  const redacted = walk.redact(text);
  if (redacted) described[key] = redacted;
  if (redacted === text || text.length > walk.instruction.length) return text;
  const span = findSpan(text, walk.instruction);
  if (span?.transform === "none") described.said_at = [span.start, span.end];
  return text;
}

function addValue(walk: Walk, element: Element, described: Described): void {
  const field = element as HTMLInputElement;
  const value = fieldKind(element) === "editable" ? collapse(valueOf(element)) : field.value;
  described.value = patternOf(value, field.type === "password");
  const span = walk.instruction ? findSpan(value, walk.instruction) : null;
  if (span?.transform === "none") described.value_at = [span.start, span.end];
}

/** The children as they are laid out: those of the shadow root, what a slot is given, a frame's. */
function descend(walk: Walk, element: Element, place: Place): void {
  if (isFrame(element)) {
    walk.unsteady += 1;
    enterFrame(walk, element, frameDocument(element), within(element, place));
    return;
  }
  if (isField(walk, element) || isSecret(walk, element)) return;
  const shadow = shadowIn(walk, element);
  if (shadow || element.localName.includes("-")) walk.unsteady += 1; // some get their root late
  if (!shadow && !element.firstElementChild && ownText(element)) return; // told with the element itself
  const slotted = element.localName === "slot" && !shadow ? (element as HTMLSlotElement).assignedNodes() : [];
  let child = slotted[0] ?? (shadow ?? element).firstChild;
  if (!child) return;
  const inside = { ...within(element, place), shadow: place.shadow || shadow !== null };
  for (let next = 1; child; child = slotted.length ? (slotted[next++] ?? null) : child.nextSibling) {
    if (child.nodeType === Node.ELEMENT_NODE) visit(walk, child as Element, inside);
    else if (child.nodeType === Node.TEXT_NODE) addLines(walk, child as Text, inside);
  }
}

function addLines(walk: Walk, node: Text, place: Place): void {
  if (!/\S/.test(node.data)) return;
  const parent = node.parentElement;
  if (parent && getComputedStyle(parent).visibility !== "visible") return;
  for (const line of linesOf(node, walk.demonstration)) {
    if (walk.late || walk.elements.length + walk.path.size >= walk.limit) {
      walk.unsteady += 1;
      return;
    }
    const described: Described = { parent: place.parent, tag: "#text", box: boxOf(line.box, place) };
    if (place.frame) described.frame = place.frame;
    if (place.shadow) described.shadow = true;
    walk.texts.push(say(walk, described, "text", line.text));
    walk.elements.push(described);
    walk.nodes.push(line.range);
    walk.colors.push(place.color);
    walk.ends.push(walk.elements.length);
    walk.steady.push(true);
    walk.live.push(false);
  }
}

function enterFrame(walk: Walk, element: Element, inner: Document | null, place: Place): void {
  if (walk.nodes[place.parent] !== element || walk.frames.length >= 1_000) return;
  const page = inner ? walk.pageOf(inner) : null;
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

function isSecret(walk: Walk, element: Element): boolean {
  return (isTextField(element) || element.localName === "select") && walk.isPrivate(element);
}

/** Whether what it holds is a value, of which only the pattern is told. */
function isField(walk: Walk, element: Element): boolean {
  return isTextField(element) && !(walk.demonstration && fieldKind(element) === "editable");
}

/** Give fields without any accessible name the text that stands beside them. */
function nameFields({ elements, nodes, live }: Walk): void {
  elements.forEach((described, index) => {
    if (!live[index] || described.name) return;
    const node = nodes[index] as Element;
    const kind = fieldKind(node);
    const name = kind === "checkbox" || kind === "radio" ? "" : textBefore(elements, index, node, kind);
    if (name) described.name = name;
  });
}

function boxOf(box: DOMRect, place: Place): [number, number, number, number] {
  return [box.left + place.x, box.top + place.y, box.width, box.height].map((pixels) =>
    Math.max(-MAX_PIXELS, Math.min(MAX_PIXELS, Math.floor(pixels + 0.5))),
  ) as [number, number, number, number];
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
