/** What a step of an automation comes to on the page as it is now, with the values of this run. */

import { Tree, type Anchors } from "../anchors/describe";
import { find, type Found, type Given } from "../anchors/find";
import type { Observation } from "../workflow";
import type { AutomationStep, Value } from "./automation";
import { partsOf, transformed, type Values } from "./values";

/** How an instruction says that there is nothing in a list. */
const EMPTY = /^\s*(nothing|none|no one|tidak ada( apa-apa)?)\s*$/i;

/** A step that can be carried out, or why it can't. */
export type Resolved =
  /** `option` is null where the instruction names it: the list itself must be asked. */
  | { kind: "ready"; target: number | null; by: string; drop: number | null; text: string; option: string | null }
  /** The value lists several things: the step is done for each of them. */
  | { kind: "split"; steps: AutomationStep[] }
  | { kind: "ambiguous"; candidates: number[] }
  | { kind: "missing"; what: "target" | "drop" | "text" };

/**
 * Resolve a step against an observation of the page; `raw` is the same one with the page's own
 * words, where those of the observation are masked.
 */
export function resolve(
  step: AutomationStep,
  observation: Observation,
  values: Values,
  raw: Observation = observation,
): Resolved {
  const tree = new Tree(observation.elements, raw.elements);
  const found = step.target ? find(step.target, tree, givenFor(step, values)) : null;
  if (found && found.kind !== "one") return split(step, tree, values) ?? unresolved(found, "target");
  const drop = step.drop ? find(step.drop, tree) : null;
  if (drop && drop.kind !== "one") return unresolved(drop, "drop");
  const text = step.text ? textFor(step.text, tree, values) : "";
  const named = step.option?.from === "instruction";
  const option = step.option && !named ? textFor(step.option, tree, values) : "";
  if (text === null || option === null) return { kind: "missing", what: "text" };
  return {
    kind: "ready",
    target: found?.index ?? null,
    by: found?.by ?? "",
    drop: drop?.index ?? null,
    text,
    option: named ? null : option,
  };
}

function unresolved(found: Exclude<Found, { kind: "one" }>, what: "target" | "drop"): Resolved {
  return found.kind === "ambiguous" ? found : { kind: "missing", what };
}

function givenFor(step: AutomationStep, values: Values): Given {
  const given: Given = {};
  if (step.label) given.label = fixed(step.label, values);
  if (step.context.length) given.context = step.context.map((value) => fixed(value, values));
  return given;
}

/** A text that does not depend on the page. */
function fixed(value: Value, values: Values): string {
  if (value.from === "fixed") return value.text;
  if (value.from === "template") return value.parts.map((part) => fixed(part, values)).join("");
  return value.from === "parameter" ? transformed(values[value.name] ?? "", value.transform) : "";
}

/** A text to enter; null when the element it is read from is not there, or holds another text. */
function textFor(value: Value, tree: Tree, values: Values): string | null {
  if (value.from !== "page") return fixed(value, values);
  const source = findSource(value.anchors, tree);
  if (source === null) return null;
  const text = tree.rawLabels[source]!;
  const part = value.whole ? text : [...text].slice(value.start, value.end).join("");
  return part ? transformed(part, value.transform) : null;
}

/** An element whose text is what varies: everything but its label must say which it is. */
function findSource(anchors: Anchors, tree: Tree): number | null {
  const same = tree.elements
    .map((_, index) => index)
    .filter((index) => {
      const element = tree.at(index);
      return element.tag === anchors.tag && (element.id ?? "") === anchors.id && Boolean(element.text);
    });
  const byClass = same.filter(
    (index) => (tree.at(index).classes ?? []).join(" ") === anchors.classes.join(" "),
  );
  return byClass.length === 1 ? byClass[0]! : labelled(anchors, tree);
}

function labelled(anchors: Anchors, tree: Tree): number | null {
  const found = find(anchors, tree);
  return found.kind === "one" ? found.index : null;
}

/** One step for each part of a value, when its first part is on the page and the whole is not. */
function split(step: AutomationStep, tree: Tree, values: Values): Resolved | null {
  if (step.label?.from !== "parameter" || !step.target) return null;
  const value = fixed(step.label, values);
  const several = step.list || step.target.role === "checkbox";
  if (several && EMPTY.test(value)) return { kind: "split", steps: [] };
  const parts = partsOf(value);
  if (parts.length < 2) return null;
  const first = find(step.target, tree, { ...givenFor(step, values), label: parts[0] });
  if (first.kind !== "one") return null;
  const steps = parts.map((text): AutomationStep => ({ ...step, label: { from: "fixed", text } }));
  return { kind: "split", steps };
}
