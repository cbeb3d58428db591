/**
 * An automation made of one recording: what varies are parameters, and targets are known by their
 * anchors.
 *
 * What was typed or pressed and stands in the instruction varies with it: those spans become
 * parameters. A new instruction of the same form gives their values; they may be given by name too.
 */

import { describe, isMasked, plain, Tree, type Anchors } from "../anchors/describe";
import { mergeLists } from "./lists";
import { findSpan, textOf, type Span } from "../page/spans";
import type { Modifier, NamedKey, Observation, Transform, ValueKind, Workflow } from "../workflow";

/** A named input; where it stood in the recorded instruction, if it did. */
export interface Parameter {
  name: string;
  start: number;
  end: number;
  /** What it was when recorded; "" where the characters stayed on the device. */
  example: string;
}

/**
 * A text of a step: fixed, a parameter's value, a text around parameters' values, read from an
 * element of the page, or whatever of a list's options the instruction names.
 */
export type Value =
  | { from: "fixed"; text: string }
  | { from: "template"; parts: Value[] }
  | { from: "instruction" }
  | { from: "parameter"; name: string; transform: Transform }
  | { from: "page"; anchors: Anchors; start: number; end: number; whole: boolean; transform: Transform };

export interface AutomationStep {
  kind: "click" | "drag" | "type" | "select" | "press" | "navigate";
  /** The position of the step in the recording. */
  recorded: number;
  target: Anchors | null;
  /** The label of the target where it is a parameter's value. */
  label: Value | null;
  /** Whether that value was a list when it was recorded: it may be empty then. */
  list: boolean;
  /** What else the row or item of the target must hold, where that is a parameter's value. */
  context: Value[];
  text: Value | null;
  option: Value | null;
  drop: Anchors | null;
  /** Where in the target it was pressed, in thousandths of its size; null for its middle. */
  at: [number, number] | null;
  /** Where it was dropped without an element to drop on, in pixels from where it was taken. */
  by: [number, number] | null;
  key: NamedKey | null;
  modifiers: Modifier[];
  button: "left" | "middle" | "right";
  count: number;
  url: string;
}

export interface Automation {
  instruction: string;
  parameters: Parameter[];
  steps: AutomationStep[];
}

/** How dates, times and addresses are written in instructions. */
const WRITTEN: Partial<Record<ValueKind, RegExp>> = {
  date: /\b\d{1,4}([/.-])\d{1,2}\1\d{1,4}\b/g,
  time: /\b\d{1,2}:\d{2}(:\d{2})?( ?[AaPp][Mm]\b)?/g,
  email: /[^\s@"']+@[^\s@"']+\.[^\s@"',]+/g,
};
/** Shorter values of parameters stand in labels by chance. */
const MIN_TEMPLATE = 3;
/** Labels shorter than that are found in any instruction by chance, unless they stand alone. */
const MIN_LABEL = 2;
const CONTAINERS = new Set(["html", "body", "main", "section", "article", "div", "form", "p", "table", "tbody", "tr", "ul"]);

type RecordedStep = Workflow["steps"][number];

/** Make an automation of a recording. */
export function automationOf(workflow: Workflow): Automation {
  return mergeLists(new Maker(workflow).make());
}

class Maker {
  private readonly instruction: string;
  private readonly parameters: Parameter[] = [];
  private readonly trees: Tree[];

  constructor(private readonly workflow: Workflow) {
    this.instruction = workflow.task.instruction ?? "";
    this.trees = workflow.observations.map((observation: Observation) => new Tree(observation.elements));
  }

  make(): Automation {
    const steps: AutomationStep[] = [];
    this.workflow.steps.forEach((step, index) => {
      if (!this.counts(step, index)) return;
      const made = this.step(step, index);
      if (made) steps.push(made);
    });
    this.parameters.sort((one, other) => one.start - other.start);
    for (const step of steps) step.label ??= this.template(step.target?.label ?? "");
    return { instruction: this.instruction, parameters: this.parameters, steps: withoutRepeats(steps) };
  }

  /** Steps that did something: no scrolling, no presses on nothing, none that only repeat. */
  private counts(step: RecordedStep, index: number): boolean {
    if (step.action === "scroll" || step.action === "tab") return false;
    if (step.action === "navigate") return step.kind === "typed";
    // What an unknown shortcut did to a text is told by the text.
    if (step.action === "press") return step.key !== "shortcut";
    if (step.action === "type" && step.text === null) return step.pattern.kind !== "empty";
    if (step.action !== "click") return true;
    if (step.target == null) return false;
    const tree = this.trees[step.observation]!;
    const element = tree.at(step.target);
    const next = this.workflow.steps[index + 1];
    const changed = next !== undefined && next.observation !== step.observation;
    if (!changed && this.repeats(step, index)) return false;
    const bare = !element.role && !tree.labels[step.target] && tree.children[step.target]!.length > 0;
    return !(CONTAINERS.has(element.tag) && bare);
  }

  private repeats(step: RecordedStep, index: number): boolean {
    const before = this.workflow.steps[index - 1];
    return (
      before?.action === "click" && before.observation === step.observation && before.target === step.target
    );
  }

  private step(step: RecordedStep, index: number): AutomationStep | null {
    const tree = this.trees[step.observation]!;
    const made: AutomationStep = {
      kind: step.action as AutomationStep["kind"],
      recorded: index,
      target: step.target == null ? null : describe(tree, step.target),
      label: null, list: false, context: [], text: null, option: null, drop: null, at: null, by: null, key: null,
      modifiers: [], button: "left", count: 1, url: "",
    };
    switch (step.action) {
      case "click":
        made.button = step.button ?? "left";
        made.modifiers = step.modifiers ?? [];
        made.count = step.presses.length >= 2 ? 2 : 1;
        this.bindTarget(made);
        made.at = this.within(tree, step.target!, step.point);
        return made;
      case "drag":
        this.bindTarget(made);
        if (step.drop != null && step.drop !== step.target) made.drop = describe(tree, step.drop);
        made.by = [step.to[0] - step.point[0], step.to[1] - step.point[1]];
        return made;
      case "type":
        made.text = this.value(step.text, tree, made.target);
        return made;
      case "select":
        made.option = this.option(step, tree, made.target);
        return made;
      case "press":
        made.key = step.key;
        made.modifiers = step.modifiers ?? [];
        made.count = step.keys.length;
        return made;
      case "navigate":
        made.url = `${step.page.origin ?? ""}${step.page.path ?? ""}`;
        return made.url.startsWith("http") ? made : null;
      default:
        return null;
    }
  }

  /** A label, or a text beside it in the same item, that the instruction names is a parameter. */
  private bindTarget(made: AutomationStep): void {
    const { label, context, twins } = made.target!;
    made.label = this.bound(label, made.target!);
    // A label that nothing else has needs no help.
    if (label && twins.count === 1) return;
    made.context = context
      .map((text) => this.bound(text, { ...made.target!, role: "item" }))
      .filter((value) => value !== null)
      .slice(0, 2);
  }

  private bound(text: string, anchors: Anchors): Value | null {
    const span = text.length >= MIN_LABEL || /\d/.test(text) ? findSpan(text, this.instruction) : null;
    if (!span || !this.standsAlone(span) || span.transform === "alphanumeric") return null;
    // A word that was masked stands for any other as long; only one of them is no coincidence.
    if (isMasked(text) && this.instruction.split(text).length !== 2) return null;
    return { from: "parameter", name: this.parameter(span, anchors), transform: span.transform };
  }

  /** Whether a span is whole words of the instruction. */
  private standsAlone({ start, end }: Span): boolean {
    const points = [...this.instruction];
    const isWord = (at: number): boolean => /[\p{L}\p{N}]/u.test(points[at] ?? "");
    return !(isWord(start - 1) && isWord(start)) && !(isWord(end) && isWord(end - 1));
  }

  private value(
    text: Extract<RecordedStep, { action: "type" }>["text"],
    tree: Tree,
    target: Anchors | null,
  ): Value {
    if (text?.source === "instruction") {
      const span = { start: text.start, end: text.end, transform: text.transform ?? "none" };
      return { from: "parameter", name: this.parameter(span, target), transform: span.transform };
    }
    if (text?.source === "element") {
      const element = tree.at(text.element);
      const length = [...((text.field === "name" ? element.name : element.text) ?? "")].length;
      return {
        from: "page",
        anchors: describe(tree, text.element),
        start: text.start,
        end: text.end,
        whole: text.start === 0 && text.end === length,
        transform: text.transform ?? "none",
      };
    }
    const name = text?.source === "parameter" ? text.name : this.fresh(target);
    const span = this.onlyOfKind(this.kindOf(name));
    if (span) return { from: "parameter", name: this.parameter(span, target), transform: "none" };
    this.named(name);
    return { from: "parameter", name, transform: "none" };
  }

  private option(
    step: Extract<RecordedStep, { action: "select" }>,
    tree: Tree,
    target: Anchors | null,
  ): Value {
    if (step.text) return this.value(step.text, tree, target);
    const label = step.option == null ? "" : tree.labels[step.option]!;
    if (!label) return { from: "instruction" };
    return this.bound(label, target ?? describe(tree, step.option!)) ?? { from: "fixed", text: label };
  }

  /** The kind of value that a parameter of the task is known to have. */
  private kindOf(name: string): ValueKind {
    const known = this.workflow.task.parameters?.find((parameter) => parameter.name === name);
    return known?.pattern.kind ?? "other";
  }

  /** The span of the instruction that is a date, or a time or address, when there is just one. */
  private onlyOfKind(kind: ValueKind): Span | null {
    const pattern = WRITTEN[kind];
    if (!pattern) return null;
    const found = [...this.instruction.matchAll(pattern)];
    if (found.length !== 1) return null;
    const start = [...this.instruction.slice(0, found[0]!.index)].length;
    return { start, end: start + [...found[0]![0]].length, transform: "none" };
  }

  /** A label around values of parameters, such as `Mute @ada`. */
  private template(label: string): Value | null {
    const known = this.parameters.filter(({ example }) => example.length >= MIN_TEMPLATE && !isMasked(example));
    let parts: (string | Value)[] = [label];
    for (const { name, example } of known) {
      const value: Value = { from: "parameter", name, transform: "none" };
      parts = parts.flatMap((part) => (typeof part === "string" ? around(part, example, value) : [part]));
    }
    if (parts.length === 1) return null;
    return {
      from: "template",
      parts: parts.map((part) => (typeof part === "string" ? { from: "fixed", text: part } : part)),
    };
  }

  /** The parameter at a span of the instruction; one that overlaps another is the same. */
  private parameter(span: Span, anchors: Anchors | null): string {
    const same = this.parameters.find((known) => known.start < span.end && span.start < known.end);
    if (same) {
      same.start = Math.min(same.start, span.start);
      same.end = Math.max(same.end, span.end);
      same.example = textOf({ ...same, transform: "none" }, this.instruction);
      return same.name;
    }
    const name = this.fresh(anchors);
    const example = textOf({ ...span, transform: "none" }, this.instruction);
    this.parameters.push({ name, start: span.start, end: span.end, example });
    return name;
  }

  private named(name: string): void {
    if (this.parameters.some((known) => known.name === name)) return;
    this.parameters.push({ name, start: -1, end: -1, example: "" });
  }

  /** A name nobody has yet: that of the field, else what kind of thing it is. */
  private fresh(anchors: Anchors | null): string {
    const field = anchors && (anchors.role === "textbox" || anchors.tag === "input" || anchors.tag === "textarea");
    const words = field ? plain(anchors.label) : (anchors?.role ?? "");
    const base = words.replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "").slice(0, 40) || "value";
    const taken = new Set(this.parameters.map(({ name }) => name));
    let name = base;
    for (let number = 2; taken.has(name); number += 1) name = `${base}-${number}`;
    return name;
  }

  /** Pressing a drawing or a picture means a place in it. */
  private within(tree: Tree, target: number, point: [number, number]): [number, number] | null {
    const { box, tag } = tree.at(target);
    if (tag !== "canvas" && tag !== "img" && tag !== "svg") return null;
    const part = (at: number, length: number): number =>
      Math.max(0, Math.min(1000, Math.round((1000 * at) / Math.max(1, length))));
    return [part(point[0] - box[0], box[2]), part(point[1] - box[1], box[3])];
  }
}

/** A text cut at a value that stands in it as whole words, with the value in between. */
function around(text: string, example: string, value: Value): (string | Value)[] {
  const span = findSpan(example, text);
  if (span?.transform !== "none") return [text];
  const points = [...text];
  const isWord = (at: number): boolean => /[\p{L}\p{N}]/u.test(points[at] ?? "");
  if ((isWord(span.start - 1) && isWord(span.start)) || (isWord(span.end) && isWord(span.end - 1))) return [text];
  const before = points.slice(0, span.start).join("");
  const after = points.slice(span.end).join("");
  return [before, value, after].filter((part) => part !== "");
}

/** Of choices in the same list, one after the other, the last is meant. */
function withoutRepeats(steps: AutomationStep[]): AutomationStep[] {
  return steps.filter((step, index) => {
    const next = steps[index + 1];
    const again = next?.kind === "select" && JSON.stringify(next.target) === JSON.stringify(step.target);
    return !(step.kind === "select" && again && step.option?.from === "instruction");
  });
}
