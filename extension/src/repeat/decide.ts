/**
 * Where the model takes over: a step whose target the anchors do not find is asked of the service.
 *
 * What is asked tells of the page what a recording would, without its address beyond the origin,
 * and of the values of this run only where they stand.
 */

import { observe, type Observed, type ObserveOptions } from "../page/observe";
import { findSpan } from "../page/spans";
import { RECORDED } from "../privacy/recorded";
import { redact, redactToken } from "../privacy/redact";
import { hiding } from "../privacy/values";
import type { Element as Described, InstructionText, Modifier, NamedKey, Observation } from "../workflow";
import type { AutomationStep } from "./automation";
import { OVERLAY } from "./overlay";
import type { Run } from "./run";
import { partsOf } from "./values";

/** A step that was done, as the model is told of it. */
export interface Before {
  kind: AutomationStep["kind"];
  element: Described;
  key: NamedKey | null;
  text: InstructionText | null;
}

/** lam_core.takeover.Question. */
export interface Question {
  instruction: string;
  observation: Observation;
  step: { kind: AutomationStep["kind"]; tag: string | null };
  done: Before[];
}

/** What to do; `text` is a span of the instruction. */
export interface Action {
  kind: "click" | "type" | "select" | "press" | "finish";
  target: number | null;
  key: NamedKey | null;
  modifiers: Modifier[];
  text: [number, number] | null;
}

/** lam_core.takeover.Answer: no action where the model is unsure. */
export interface Decision {
  action: Action | null;
  confidence: number;
  stands_for_step: boolean;
}

/** What came back; null where the person did not choose that it may be asked. */
export type Reply = { decision: Decision } | { trouble: string } | null;

/** The most steps that the model does in a run, as in lam_core.record_once. */
const MOST_STEPS = 20;
const MOST_DONE = 200;

/** Whether a step may be asked about: never one of a private field, nor without an instruction. */
export function mayAsk({ asks, instruction, taken }: Run, step: AutomationStep): boolean {
  const byModel = taken.filter(({ by }) => by === "model").length;
  return asks && byModel < MOST_STEPS && instruction.trim() !== "" && !step.target?.private;
}

/** The page as it is told to the service. */
export function lookFor(run: Run): Observed {
  return observe(told(run));
}

function told({ instruction, values }: Run): ObserveOptions & { redact: (text: string) => string } {
  const hide = hiding(Object.values(values).flatMap((value) => [value, ...partsOf(value)]));
  return {
    ...RECORDED,
    redact: (text) => hide(text, redact(text)),
    redactToken: (token) => hide(token, redactToken(token)),
    pageOf: (document) => ({ origin: RECORDED.pageOf(document).origin ?? "" }),
    ignore: OVERLAY,
    instruction,
  };
}

/** What is asked about a step on a page that `lookFor` saw. */
export function questionOf(run: Run, step: AutomationStep, { observation }: Observed): Question {
  return {
    instruction: told(run).redact(run.instruction),
    observation,
    step: { kind: step.kind, tag: step.target?.tag ?? null },
    done: run.taken.flatMap(({ before }) => before ?? []).slice(-MOST_DONE),
  };
}

/** How a step that is about to be done on a node is told afterwards. */
export function beforeOf(run: Run, step: AutomationStep, node: Element | null, text: string): Before | null {
  if (!run.asks || !node) return null;
  const { observation, nodes } = lookFor(run);
  const element = observation.elements[nodes.indexOf(node)];
  if (!element) return null;
  const span = step.kind === "type" || step.kind === "select" ? findSpan(text, run.instruction) : null;
  return { kind: step.kind, element: { ...element, parent: -1 }, key: step.key, text: reference(span) };
}

function reference(span: ReturnType<typeof findSpan>): InstructionText | null {
  return span && { source: "instruction", start: span.start, end: span.end };
}

/** Whether it is what the model did just before, which did not lead to the step. */
export function circles(run: Run, { observation }: Observed, { kind, target }: Action): boolean {
  const last = run.taken.at(-1);
  const found = target === null ? undefined : observation.elements[target];
  if (last?.by !== "model" || last.before?.kind !== kind || !found) return false;
  return words(found) === words(last.before.element) && String(found.box) === String(last.before.element.box);
}

/** Whether an element still is what the model was told of. */
export function isAsTold(run: Run, asked: Observed, target: number): boolean {
  const now = lookFor(run);
  const found = now.observation.elements[now.nodes.indexOf(asked.nodes[target]!)];
  return found !== undefined && !found.private && words(found) === words(asked.observation.elements[target]!);
}

function words({ tag, role, name, text, private: hidden }: Described): string {
  return JSON.stringify([tag, role, name, text, hidden]);
}
