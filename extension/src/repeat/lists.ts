/** Parameters that list several things are one: the next list may be longer or shorter. */

import type { Automation, AutomationStep, Parameter } from "./automation";

const SEPARATOR = /^\s*(,|;|>|and|dan|, and|, dan|&)\s*$/u;

/**
 * Make one parameter, and one step for each of its parts, of neighbours in the instruction that
 * were pressed one after the other in the same way.
 */
export function mergeLists(automation: Automation): Automation {
  const { instruction } = automation;
  let { parameters, steps } = automation;
  for (const run of runsOf(instruction, parameters)) {
    const merged = mergeRun(run, steps);
    if (!merged) continue;
    steps = merged;
    const [first, last] = [run[0]!, run.at(-1)!];
    const example = [...instruction].slice(first.start, last.end).join("");
    parameters = parameters
      .filter((parameter) => !run.includes(parameter) || parameter === first)
      .map((parameter) => (parameter === first ? { ...first, end: last.end, example } : parameter));
  }
  return { ...automation, parameters, steps };
}

/** Longest runs of parameters with nothing but a separator between each two. */
function runsOf(instruction: string, parameters: Parameter[]): Parameter[][] {
  const points = [...instruction];
  const runs: Parameter[][] = [];
  for (const parameter of parameters.filter(({ start }) => start >= 0)) {
    const before = runs.at(-1)?.at(-1);
    const between = before && points.slice(before.end, parameter.start).join("");
    if (between !== undefined && SEPARATOR.test(between)) runs.at(-1)!.push(parameter);
    else runs.push([parameter]);
  }
  return runs.filter((run) => run.length > 1);
}

/** The steps with those of a run made one, or null where they are not of one kind in a row. */
function mergeRun(run: Parameter[], steps: AutomationStep[]): AutomationStep[] | null {
  const names = new Set(run.map(({ name }) => name));
  const uses = (step: AutomationStep): boolean =>
    [step.label, step.text, step.option, ...step.context].some(
      (value) => value?.from === "parameter" && names.has(value.name),
    );
  const using = steps.filter(uses);
  const first = using[0];
  if (!first || using.length !== run.length) return null;
  const at = steps.indexOf(first);
  const inRow = using.every((step, offset) => steps[at + offset] === step);
  const alike = using.every(
    (step) =>
      step.kind === first.kind && kindOfUse(step) === kindOfUse(first) && kindOfUse(step) !== null && step.target!.tag === first.target!.tag &&
      step.target!.role === first.target!.role,
  );
  if (!inRow || !alike) return null;
  const use = kindOfUse(first)!;
  const whole = { ...first, list: true, [use]: { ...first[use]!, name: run[0]!.name } };
  return steps.flatMap((step) => (step === first ? [whole] : using.includes(step) ? [] : [step]));
}

/** Whether the parameter says what is pressed, or what is chosen. */
function kindOfUse(step: AutomationStep): "label" | "option" | null {
  if (step.label?.from === "parameter") return "label";
  return step.option?.from === "parameter" ? "option" : null;
}
