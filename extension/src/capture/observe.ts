// The redacted observation of a page: visible elements, parents before children, in document
// order, through shadow roots and same-origin frames. Leak-free: in document coordinates, however
// far anything has been scrolled, and without marks that only the pointer causes.
import { pageOf } from "../privacy/address";
import { patternOf } from "../page/pattern";
import { findSpan } from "../page/spans";
import { LONGEST_TEXT, redact, redactToken } from "../privacy/redact";
import { isPrivate } from "../privacy/sensitive";
import type { Element as Described, Frame, Observation } from "../workflow";
import { linesOf } from "./lines";
import { focusIn, frameDocument, isFrame, pathOf, shadowOf, viewportOffset } from "./deep";
import {
  classesOf, colour, fillOf, isEditable, isTextField, nameOf, ownText, roleOf, statesOf, typeOf, valueOf,
} from "./describe";

export const MAX_ELEMENTS = 3_000;
const MAX_DEPTH = 250;
const MAX_FRAMES = 200;
const SKIPPED = new Set(["script", "style", "noscript", "template", "link", "meta", "head", "title", "base"]);
const OPAQUE = new Set(["select", "textarea", "video", "audio", "canvas", "object", "embed"]);

/** A look at a page. `texts` are the page's own words, which stay here. */
export interface Seen {
  observation: Observation;
  indices: WeakMap<Node, number>;
  texts: string[];
  json: string;
}

interface Place {
  parent: number;
  depth: number;
  frame: number;
  shadow: boolean;
  color: string;
  /** Document coordinates of the viewport plus what containers have been scrolled by. */
  x: number;
  y: number;
}

/**
 * Look at the page. `target` and what is around it is in the result even when the page has more
 * elements than fit; otherwise elements are taken in document order while they fit and until
 * `deadline` (of performance.now).
 */
export function observe(instruction: string, target: Element | null = null, deadline = Infinity): Seen {
  return new Look(instruction, target, deadline).finish();
}

class Look {
  private readonly elements: Described[] = [];
  private readonly frames: Frame[] = [];
  private readonly texts: string[] = [];
  private readonly indices = new WeakMap<Node, number>();
  private readonly path: Set<Element>;
  private readonly focused = focusIn(document);
  private late = false;

  constructor(
    private readonly instruction: string,
    target: Element | null,
    private readonly deadline: number,
  ) {
    this.path = pathOf(target);
  }

  finish(): Seen {
    const root = document.body ?? document.documentElement;
    const place = { parent: -1, depth: 0, frame: 0, shadow: false, color: "", ...viewportOffset(window) };
    if (root) this.visit(root, place);
    this.nameFields();
    const observation: Observation = {
      page: pageOf(location.href, document.title),
      width: Math.min(innerWidth, 100_000),
      height: Math.min(innerHeight, 100_000),
      ...(this.frames.length ? { frames: this.frames } : {}),
      elements: this.elements,
    };
    return { observation, indices: this.indices, texts: this.texts, json: JSON.stringify(observation) };
  }

  private visit(element: Element, place: Place): void {
    if (SKIPPED.has(element.localName) || !this.fits(element, place)) return;
    const box = element.getBoundingClientRect();
    if (box.width === 0 || box.height === 0) return this.visitRendered(element, place);
    const view = element.ownerDocument.defaultView;
    const style = view?.getComputedStyle(element);
    if (!style) return;
    const here = fixed(style, view, place);
    if (style.visibility !== "visible") return this.visitChildren(element, here);
    const index = this.add(element, box, style, here);
    const color = colour(style.color) || here.color;
    if (this.elements[index]?.private) return;
    const inside = { ...here, parent: index, depth: here.depth + 1, color };
    inside.x += scrolled(element, "scrollLeft");
    inside.y += scrolled(element, "scrollTop");
    if (isFrame(element)) this.enterFrame(element, index, inside);
    else if (!OPAQUE.has(element.localName) || element.localName === "select") this.visitChildren(element, inside);
  }

  /** Elements without a box of their own (`display: contents`, empty wrappers) may hold some. */
  private visitRendered(element: Element, place: Place): void {
    if (element.firstElementChild || shadowOf(element)) this.visitChildren(element, place);
  }

  private fits(element: Element, place: Place): boolean {
    if (place.depth > MAX_DEPTH || this.elements.length >= MAX_ELEMENTS + MAX_DEPTH) return false;
    if (!this.late && this.elements.length % 64 === 0) this.late = performance.now() > this.deadline;
    const full = this.late || this.elements.length + this.path.size >= MAX_ELEMENTS;
    return !full || this.path.has(element);
  }

  private visitChildren(element: Element, place: Place): void {
    const shadow = shadowOf(element);
    const within = shadow ? { ...place, shadow: true } : place;
    if (isEditable(element)) return;
    for (const child of (shadow ?? element).childNodes) {
      if (child.nodeType === Node.ELEMENT_NODE) this.visitSlotted(child as Element, within);
      else if (child.nodeType === Node.TEXT_NODE && place.parent >= 0) this.addText(child as Text, within);
    }
  }

  private visitSlotted(element: Element, place: Place): void {
    const assigned = element.localName === "slot" ? (element as HTMLSlotElement).assignedNodes() : [];
    if (!assigned.length) return this.visit(element, place);
    for (const node of assigned) {
      if (node.nodeType === Node.ELEMENT_NODE) this.visit(node as Element, { ...place, shadow: false });
      else if (node.nodeType === Node.TEXT_NODE) this.addText(node as Text, place);
    }
  }

  private enterFrame(element: Element, owner: number, place: Place): void {
    if (this.frames.length >= MAX_FRAMES) return;
    const inner = frameDocument(element);
    const root = inner?.body;
    this.frames.push({ owner, page: inner ? pageOf(inner.URL, inner.title) : null });
    if (!root || !inner?.defaultView) return;
    const offset = viewportOffset(inner.defaultView);
    this.visit(root, { ...place, frame: this.frames.length, shadow: false, color: "", ...offset });
  }

  private add(element: Element, box: DOMRect, style: CSSStyleDeclaration, place: Place): number {
    const described: Described = {
      parent: place.parent,
      tag: element.localName.slice(0, 64),
      box: boxAt(box, place),
    };
    if (place.frame) described.frame = place.frame;
    if (place.shadow) described.shadow = true;
    const text = this.describe(described, element, style, place);
    return this.push(described, element, text);
  }

  private describe(described: Described, element: Element, style: CSSStyleDeclaration, place: Place): string {
    const holdsText = isTextField(element);
    if ((holdsText || element.localName === "select") && isPrivate(element as HTMLElement)) {
      described.private = true;
      return "";
    }
    const type = typeOf(element);
    const role = roleOf(element);
    const states = statesOf(element, this.focused);
    if (type) described.type = type.slice(0, 64);
    if (role) described.role = role;
    if (states.length) described.states = states;
    this.identify(described, element);
    this.paint(described, element, style, place);
    const name = nameOf(element);
    if (name) described.name = redact(name);
    if (name && name !== described.name) this.locate(described, name);
    if (holdsText) this.describeValue(described, valueOf(element));
    const text = holdsText ? "" : ownText(element) || onlyText(element);
    if (text) this.say(described, text);
    return text;
  }

  private identify(described: Described, element: Element): void {
    const classes = classesOf(element).map((name) => redactToken(name).slice(0, 200));
    if (element.id) described.id = redactToken(element.id).slice(0, 200);
    if (classes.length) described.classes = classes;
  }

  private paint(described: Described, element: Element, style: CSSStyleDeclaration, place: Place): void {
    const front = colour(style.color);
    const back = colour(style.backgroundColor);
    const fill = fillOf(element, style);
    if (front && front !== place.color) described.color = front;
    if (back) described.background = back;
    if (fill) described.fill = fill;
  }

  private describeValue(described: Described, value: string): void {
    described.value = patternOf(value);
    const span = findSpan(value, this.instruction);
    if (span?.transform === "none") described.value_at = [span.start, span.end];
  }

  private say(described: Described, text: string): void {
    described.text = redact(text);
    if (described.text !== text) this.locate(described, text);
  }

  /** Words that are masked may still be words of the instruction. */
  private locate(described: Described, text: string): void {
    const span = text.length <= this.instruction.length ? findSpan(text, this.instruction) : null;
    if (span?.transform === "none") described.said_at = [span.start, span.end];
  }

  private addText(node: Text, place: Place): void {
    const text = node.data.trim();
    const parent = node.parentElement;
    if (!text || (parent && this.indices.has(parent) && onlyText(parent))) return;
    for (const line of linesOf(node)) {
      if (this.elements.length >= MAX_ELEMENTS) return;
      const described: Described = { parent: place.parent, tag: "#text", box: boxAt(line.box, place) };
      if (place.frame) described.frame = place.frame;
      if (place.shadow) described.shadow = true;
      this.say(described, line.text);
      this.push(described, node, line.text);
    }
  }

  private push(described: Described, node: Node, text: string): number {
    const index = this.elements.length;
    this.elements.push(described);
    this.texts.push(text.slice(0, LONGEST_TEXT));
    this.indices.set(node, index);
    return index;
  }

  /** Fields that nothing names are named by the text that stands before them. */
  private nameFields(): void {
    this.elements.forEach((element, index) => {
      const isField = element.value !== undefined || element.tag === "select";
      if (!isField || element.name || element.private) return;
      const name = textBefore(this.elements, index);
      if (name) element.name = name;
    });
  }
}

function textBefore(elements: Described[], index: number): string {
  const parent = elements[index]?.parent ?? -1;
  for (let before = index - 1; before > parent; before -= 1) {
    const element = elements[before];
    if (!element || ["input", "textarea", "select"].includes(element.tag)) return "";
    if (element.parent === parent && element.text) return element.text;
  }
  return "";
}

/** The text of an element that holds nothing but text. */
function onlyText(element: Element): string {
  if (element.firstElementChild || shadowOf(element)) return "";
  if (isEditable(element) || OPAQUE.has(element.localName)) return "";
  const texts = [...element.childNodes].filter((node) => node.nodeType === Node.TEXT_NODE);
  return texts.map((node) => (node as Text).data.trim()).filter(Boolean).join(" ");
}

/** What is fixed to the window does not move when the page is scrolled. */
function fixed(style: CSSStyleDeclaration, view: Window | null, place: Place): Place {
  if (style.position !== "fixed" || !view) return place;
  const offset = viewportOffset(view);
  return { ...place, x: offset.x - view.scrollX, y: offset.y - view.scrollY };
}

function scrolled(element: Element, direction: "scrollLeft" | "scrollTop"): number {
  const { documentElement, body } = element.ownerDocument;
  return element === body || element === documentElement ? 0 : element[direction];
}

const rounded = (value: number): number => Math.max(-10_000_000, Math.min(10_000_000, Math.floor(value + 0.5)));

function boxAt(box: DOMRect, place: Place): [number, number, number, number] {
  return [rounded(box.left + place.x), rounded(box.top + place.y), rounded(box.width), rounded(box.height)];
}
