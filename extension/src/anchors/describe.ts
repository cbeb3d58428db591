/**
 * What an element is known by: several anchors, so that one that changed does not lose it.
 *
 * Everything is read from observations, recorded and live alike, so that both are described by the
 * same rule.
 */

import type { Element as Described } from "../workflow";

/** The anchors of an element, from the most to the least telling. */
export interface Anchors {
  role: string;
  tag: string;
  type: string;
  /** Of a private element nothing else is known. */
  private: boolean;
  /** Accessible name, else text, else the texts inside; "" where it has none or a long one. */
  label: string;
  id: string;
  classes: string[];
  /** Tags of what it is in, the outermost first. */
  path: string[];
  /** The other texts of the row, list item or other repeated part that it is in. */
  context: string[];
  /** Elements that were alike when it was recorded: how many, and which of them it was. */
  twins: { count: number; ordinal: number; apart: boolean };
}

const MAX_LABEL = 120;
const MAX_CONTEXT = 12;
const ITEM_ROLES = new Set(["row", "listitem", "article", "dialog", "group", "region", "treeitem"]);
const ITEM_TAGS = new Set(["tr", "li", "article", "fieldset", "dialog"]);
const FIELD_ROLES = new Set(["textbox", "searchbox", "spinbutton", "combobox", "listbox", "slider"]);
const TOGGLE_ROLES = new Set(["checkbox", "radio", "switch"]);
const FIELD_TAGS = new Set(["input", "textarea", "select"]);

/**
 * The elements of an observation with what is asked of them over and over. `words` are the same
 * elements with the page's own words, where what is private is masked in the observation: a
 * recording tells the masked ones, a person who runs it the page's own.
 */
export class Tree {
  readonly children: number[][];
  readonly labels: string[];
  readonly rawLabels: string[];

  constructor(
    readonly elements: readonly Described[],
    private readonly words: readonly Described[] = elements,
  ) {
    this.children = elements.map(() => []);
    elements.forEach((element, index) => {
      if (element.parent >= 0) this.children[element.parent]!.push(index);
    });
    this.labels = elements.map((_, index) => this.label(index, elements));
    this.rawLabels = words === elements ? this.labels : words.map((_, index) => this.label(index, words));
  }

  at(index: number): Described {
    return this.elements[index]!;
  }

  /** What it is in, the innermost first. */
  ancestors(index: number): number[] {
    const found: number[] = [];
    for (let at = this.at(index).parent; at >= 0; at = this.at(at).parent) found.push(at);
    return found;
  }

  isInside(index: number, other: number): boolean {
    return this.ancestors(index).includes(other);
  }

  /** The texts of an element and of all inside it, in order. */
  texts(index: number, elements = this.elements): string[] {
    const { text, name } = elements[index]!;
    const own = text || (isField(this.at(index)) ? "" : name) || "";
    const inside = this.children[index]!.flatMap((child) => this.texts(child, elements));
    return own ? [own, ...inside] : inside;
  }

  /** The same in the page's own words. */
  rawTexts(index: number): string[] {
    return this.texts(index, this.words);
  }

  private label(index: number, elements: readonly Described[]): string {
    const element = elements[index]!;
    if (element.name || element.text) return element.name || element.text || "";
    const inside = isField(element) ? "" : this.texts(index, elements).join(" ");
    return inside.length <= MAX_LABEL ? inside : "";
  }
}

/** Whether a value is entered into it or chosen in it. */
export function isField(element: Described): boolean {
  return FIELD_ROLES.has(element.role ?? "") || (FIELD_TAGS.has(element.tag) && !isButton(element));
}

/** Whether it is ticked rather than filled in. */
export function isToggle(element: Described): boolean {
  return TOGGLE_ROLES.has(element.role ?? "");
}

function isButton(element: Described): boolean {
  return ["button", "submit", "reset", "image"].includes(element.type ?? "");
}

/** A label for comparing: case, white space and the marks of required fields do not count. */
export function plain(text: string): string {
  return text
    .normalize("NFKC")
    .replace(/[\s\u200b]+/g, " ")
    .replace(/\s*(\.{3}|[:*])+$/, "")
    .trim()
    .toLowerCase();
}

/** The anchors of an element of an observation. */
export function describe(tree: Tree, index: number): Anchors {
  const element = tree.at(index);
  const label = tree.labels[index]!;
  const context = contextOf(tree, index);
  const twins = tree.elements
    .map((_, other) => other)
    .filter((other) => alike(tree, index, other) && !related(tree, index, other));
  const apart =
    context.length > 0 &&
    twins.every((other) => other === index || !sameItem(contextOf(tree, other), context));
  return {
    role: element.role ?? "",
    tag: element.tag,
    type: element.type ?? "",
    private: element.private ?? false,
    label,
    id: element.id ?? "",
    classes: element.classes ?? [],
    path: pathOf(tree, index),
    context,
    twins: { count: twins.length, ordinal: twins.indexOf(index), apart },
  };
}

/** The tags of what an element is in, the outermost first, then its own. */
export function pathOf(tree: Tree, index: number): string[] {
  return [...tree.ancestors(index).reverse(), index].map((at) => tree.at(at).tag);
}

/** The texts around an element in the repeated part of the page that it belongs to. */
export function contextOf(tree: Tree, index: number): string[] {
  return around(tree, index, (at) => tree.texts(at));
}

/** The same in the page's own words. */
export function rawContextOf(tree: Tree, index: number): string[] {
  return around(tree, index, (at) => tree.rawTexts(at));
}

function around(tree: Tree, index: number, textsOf: (at: number) => string[]): string[] {
  const item = itemOf(tree, index);
  if (item === null) return [];
  const own = new Set(textsOf(index).map(plain));
  return textsOf(item).filter((text) => !own.has(plain(text))).slice(0, MAX_CONTEXT);
}

/** Whether part of a text has been masked: others are masked alike, so it does not tell them apart. */
export function isMasked(text: string): boolean {
  return /[*#]/.test(plain(text));
}

/** The innermost row, list item, dialog or repeated box around an element that tells more of it. */
function itemOf(tree: Tree, index: number): number | null {
  const own = tree.texts(index).length;
  for (const at of tree.ancestors(index)) {
    if (tree.at(at).parent < 0) break;
    if (isItem(tree, at) && tree.texts(at).length > own) return at;
  }
  return null;
}

function isItem(tree: Tree, index: number): boolean {
  const element = tree.at(index);
  if (ITEM_ROLES.has(element.role ?? "") || ITEM_TAGS.has(element.tag)) return true;
  const classes = (element.classes ?? []).join(" ");
  return tree.children[element.parent]!.some((sibling) => {
    const other = tree.at(sibling);
    return (
      sibling !== index && other.tag === element.tag && classes !== "" &&
      (other.classes ?? []).join(" ") === classes
    );
  });
}

/** Whether two items are the same one: all their texts, or the first, by which people name them. */
export function sameItem(one: readonly string[], other: readonly string[]): boolean {
  if (!one.length || !other.length || isMasked(one[0]!)) return false;
  return plain(one[0]!) === plain(other[0]!);
}

function alike(tree: Tree, index: number, other: number): boolean {
  const [one, two] = [tree.at(index), tree.at(other)];
  return (
    one.tag === two.tag && one.role === two.role && one.type === two.type &&
    plain(tree.labels[index]!) === plain(tree.labels[other]!)
  );
}

/** Whether one is inside the other: then they are one thing to a person. */
export function related(tree: Tree, index: number, other: number): boolean {
  return tree.isInside(index, other) || tree.isInside(other, index);
}
