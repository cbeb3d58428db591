/**
 * Finding a described element again on a page that may have changed.
 *
 * The answer is exactly one element, or that there are several, or that there is none: never the
 * most likely one. The anchors are tried from the most telling to the least, position last and
 * only among elements that were told apart by nothing else when they were recorded.
 */

import type { Element as Described } from "../workflow";
import {
  contextOf, isField, isMasked, pathOf, plain, rawContextOf, related, sameItem, Tree, type Anchors,
} from "./describe";

/** Which anchor decided. */
export type Anchor = "label" | "context" | "id" | "classes" | "structure" | "position";

export type Found =
  | { kind: "one"; index: number; by: Anchor }
  | { kind: "ambiguous"; candidates: number[] }
  | { kind: "missing" };

/** What has been given for this run in the place of what was recorded. */
export interface Given {
  /** The label to look for instead; it was given, so no other anchor makes up for it. */
  label?: string;
  /** Texts that the item the element is in must hold. */
  context?: string[];
}

/** An anchor with what it holds of. */
type Rule = [by: Anchor, holds: (index: number) => boolean];

const MISSING: Found = { kind: "missing" };
const PRESSABLE = new Set(["button", "link", "menuitem", "tab", "option", "treeitem", "radio", "checkbox"]);

/** Find the element on a page. */
export function find(wanted: Anchors, tree: Tree, given: Given = {}): Found {
  const all = tree.elements.map((_, index) => index).filter((index) => !tree.at(index).private);
  const label = given.label ?? wanted.label;
  if (!plain(label)) return unlabelled(wanted, tree, all, given);
  const called = calledSo(wanted, tree, all, label);
  if (called.length) return unlessNamedElsewhere(wanted, tree, all, given, choose(wanted, tree, called, given));
  if (given.label === undefined && isMasked(label)) return masked(wanted, tree, all);
  return given.label === undefined ? renamed(wanted, tree, all) : MISSING;
}

/**
 * An id that a person thought up and that only another element has speaks against the one that was
 * found: a newcomer may have taken the label. Not where the label or the item was given for this
 * run, as then another element than the recorded one may be meant.
 */
function unlessNamedElsewhere(wanted: Anchors, tree: Tree, all: number[], given: Given, found: Found): Found {
  const free = given.label !== undefined || given.context?.length;
  if (found.kind !== "one" || free || !isName(wanted.id)) return found;
  const named = all.filter((index) => tree.at(index).id === wanted.id && isSameKind(wanted, tree.at(index)));
  if (named.length !== 1 || named[0] === found.index || related(tree, named[0]!, found.index)) return found;
  return { kind: "ambiguous", candidates: [found.index, named[0]!] };
}

/** The elements of the same kind with that label; of another kind when there are none. */
function calledSo(wanted: Anchors, tree: Tree, all: number[], label: string): number[] {
  const exact = all.filter((index) => squeezed(tree.rawLabels[index]!) === squeezed(label));
  const loose = all.filter((index) => plain(tree.rawLabels[index]!) === plain(label));
  for (const same of [isSameKind, isSimilarKind]) {
    for (const labelled of [exact, loose]) {
      const kept = outermost(tree, labelled.filter((index) => same(wanted, tree.at(index))), wanted);
      if (kept.length) return kept;
    }
  }
  return [];
}

/**
 * Part of the label was masked when it was recorded. Whatever is masked alike may be another thing,
 * so besides the label an id must name it; a field with that label alone may be filled in.
 */
function masked(wanted: Anchors, tree: Tree, all: number[]): Found {
  const alike = all.filter(
    (index) => isSameKind(wanted, tree.at(index)) && plain(tree.labels[index]!) === plain(wanted.label),
  );
  const field = isField(asDescribed(wanted));
  const kept = alike.filter((index) => field || (isName(wanted.id) && tree.at(index).id === wanted.id));
  if (kept.length > 1) return { kind: "ambiguous", candidates: kept };
  return kept.length === 1 && wanted.twins.count === 1 ? { kind: "one", index: kept[0]!, by: "id" } : MISSING;
}

function squeezed(text: string): string {
  return text.replace(/\s+/g, " ").trim();
}

function isSameKind(wanted: Anchors, element: Described): boolean {
  const role = element.role ?? "";
  if (wanted.role || role) return wanted.role === role && wanted.type === (element.type ?? "");
  return wanted.tag === element.tag;
}

/** What serves the same purpose: a link that became a button, a line that became a text area. */
function isSimilarKind(wanted: Anchors, element: Described): boolean {
  const role = element.role ?? "";
  const asked = { tag: wanted.tag, role: wanted.role, type: wanted.type } as Described;
  if (isField(asked) || isField(element)) {
    return isField(asked) && isField(element) && isList(wanted.role) === isList(role);
  }
  if (wanted.role === "checkbox" || wanted.role === "radio") return wanted.role === role;
  return PRESSABLE.has(wanted.role) ? PRESSABLE.has(role) : !role;
}

function isList(role: string): boolean {
  return role === "combobox" || role === "listbox";
}

/** Of elements one inside the other, the one a press on any of them reaches. */
function outermost(tree: Tree, indices: number[], wanted: Anchors): number[] {
  return indices.filter((index) => {
    const chain = indices.filter((other) => tree.isInside(index, other) || tree.isInside(other, index));
    if (!chain.length) return true;
    const same = [...chain, index].filter((other) => tree.at(other).tag === wanted.tag);
    return same.length ? index === Math.max(...same) : chain.every((other) => index < other);
  });
}

/** One of several with the same label: by what is around it, then by what it is made of. */
function choose(wanted: Anchors, tree: Tree, called: number[], given: Given): Found {
  let left = called;
  const around = given.context?.length ? inItem(tree, called, given.context) : null;
  if (around) {
    if (!around.length) return MISSING;
    if (around.length === 1) return { kind: "one", index: around[0]!, by: "context" };
    left = around;
  } else if (wanted.twins.count > 1 && wanted.twins.apart && given.label === undefined) {
    // It was known by its item alone; without that item there is nothing to press.
    left = called.filter((index) => sameItem(contextOf(tree, index), wanted.context));
    if (!left.length) return MISSING;
    if (left.length === 1) return { kind: "one", index: left[0]!, by: "context" };
  }
  if (left.length === 1) return { kind: "one", index: left[0]!, by: "label" };
  return narrow(wanted, tree, left);
}

function inItem(tree: Tree, indices: number[], texts: string[]): number[] {
  const wanted = texts.map(plain);
  return indices.filter((index) => {
    const found = rawContextOf(tree, index).map(plain);
    return wanted.every((text) => found.some((other) => other === text || words(other).includes(text)));
  });
}

function words(text: string): string[] {
  return text.split(/[^\p{L}\p{N}@#.'-]+/u).filter(Boolean);
}

function narrow(wanted: Anchors, tree: Tree, candidates: number[]): Found {
  const rules: Rule[] = [
    ["context", (index) => sameItem(contextOf(tree, index), wanted.context)],
    ["id", (index) => wanted.id !== "" && tree.at(index).id === wanted.id],
    ["classes", (index) => sameClasses(wanted, tree.at(index))],
    ["structure", (index) => pathOf(tree, index).join(">") === wanted.path.join(">")],
  ];
  let left = candidates;
  for (const [by, holds] of rules) {
    const kept = left.filter(holds);
    if (kept.length === 1) return agreed(candidates, rules, { kind: "one", index: kept[0]!, by });
    if (kept.length) left = kept;
  }
  return byPosition(wanted, left);
}

/** Anchors that single out different elements say nothing together. */
function agreed(candidates: number[], rules: Rule[], found: Found & { kind: "one" }): Found {
  const singled = rules.map(([, holds]) => candidates.filter(holds)).filter((kept) => kept.length === 1).flat();
  const all = [...new Set([found.index, ...singled])];
  return all.length === 1 ? found : { kind: "ambiguous", candidates: all };
}

/** Only where nothing else told them apart, and there are as many as there were. */
function byPosition(wanted: Anchors, left: number[]): Found {
  const { count, ordinal, apart } = wanted.twins;
  if (count > 1 && count === left.length && !apart && ordinal >= 0) {
    return { kind: "one", index: left[ordinal]!, by: "position" };
  }
  // One that is left of several is not known to be the one.
  return left.length > 1 ? { kind: "ambiguous", candidates: left } : MISSING;
}

function sameClasses(wanted: Anchors, element: Described): boolean {
  const classes = element.classes ?? [];
  return (
    wanted.classes.length > 0 &&
    wanted.classes.length === classes.length &&
    wanted.classes.every((name) => classes.includes(name))
  );
}

/** It had no label: an icon, a bare field, a box. What it is made of must say which it is. */
function unlabelled(wanted: Anchors, tree: Tree, all: number[], given: Given): Found {
  const bare = all.filter(
    (index) => isSameKind(wanted, tree.at(index)) && tree.at(index).tag === wanted.tag && !tree.labels[index],
  );
  if (given.context?.length) {
    const alike = bare.filter((index) => sameClasses(wanted, tree.at(index)) || !wanted.classes.length);
    return choose(wanted, tree, alike, given);
  }
  if (isField(asDescribed(wanted))) return onlyField(wanted, tree, bare);
  const alike = bare.filter(
    (index) => sameClasses(wanted, tree.at(index)) || (wanted.id !== "" && tree.at(index).id === wanted.id),
  );
  if (alike.length) return choose(wanted, tree, alike, given);
  const placed = bare.filter((index) => pathOf(tree, index).join(">") === wanted.path.join(">"));
  if (wanted.classes.length || wanted.id || !placed.length) return MISSING;
  return placed.length === 1 && wanted.twins.count === 1
    ? { kind: "one", index: placed[0]!, by: "structure" }
    : byPosition(wanted, placed);
}

function asDescribed(wanted: Anchors): Described {
  return { tag: wanted.tag, role: wanted.role, type: wanted.type } as Described;
}

/**
 * The label it had is not on the page. What is pressed is what it says, whatever else stayed the
 * same; a field may be filled in where an id without a number, given to one thing, names it.
 */
function renamed(wanted: Anchors, tree: Tree, all: number[]): Found {
  if (!isField(asDescribed(wanted)) || !isName(wanted.id) || wanted.twins.count > 1) return MISSING;
  const kept = all.filter((index) => tree.at(index).id === wanted.id && isSameKind(wanted, tree.at(index)));
  return kept.length === 1 ? { kind: "one", index: kept[0]!, by: "id" } : MISSING;
}

/** Whether an id was thought up by a person: neither numbered nor masked. */
function isName(id: string): boolean {
  return id !== "" && !/\d/.test(id) && !isMasked(id);
}

/** A field by its id, or as the only one of its kind then and now. */
function onlyField(wanted: Anchors, tree: Tree, candidates: number[]): Found {
  const identified = candidates.filter((index) => wanted.id !== "" && tree.at(index).id === wanted.id);
  if (identified.length === 1) return { kind: "one", index: identified[0]!, by: "id" };
  if (wanted.twins.count > 1) return byPosition(wanted, candidates);
  if (candidates.length === 1) return { kind: "one", index: candidates[0]!, by: "structure" };
  return candidates.length ? { kind: "ambiguous", candidates } : MISSING;
}
