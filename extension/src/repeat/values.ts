/** The values a run is given: by name, or by an instruction of the form of the recorded one. */

import type { Transform } from "../workflow";
import { findSpan } from "../page/spans";
import type { Automation, Parameter } from "./automation";

export type Values = Record<string, string>;

/** Parameters without a value. */
export function missingValues(automation: Automation, values: Values): string[] {
  return automation.parameters.map(({ name }) => name).filter((name) => values[name] === undefined);
}

/**
 * The values that an instruction gives: what stands in it where the recorded one has a parameter.
 * Null where the two are not of the same form.
 */
export function valuesFrom(automation: Automation, instruction: string): Values | null {
  const inside = automation.parameters.filter(({ start }) => start >= 0);
  const points = [...automation.instruction];
  let pattern = "";
  let at = 0;
  for (const { start, end } of inside) {
    pattern += literal(points.slice(at, start).join("")) + "(.+?)";
    at = end;
  }
  pattern += literal(points.slice(at).join(""));
  const match = new RegExp(`^\\s*${pattern}\\s*$`, "su").exec(instruction);
  if (!match) return unchanged(inside, instruction);
  return Object.fromEntries(inside.map(({ name }, index) => [name, match[index + 1]!]));
}

/** The recorded values where another instruction holds every one of them too. */
function unchanged(parameters: Parameter[], instruction: string): Values | null {
  const holds = parameters.every(({ example }) => findSpan(example, instruction)?.transform === "none");
  return holds ? Object.fromEntries(parameters.map(({ name, example }) => [name, example])) : null;
}

/** The pattern of a fixed part: white space is any white space, a masked word any word. */
function literal(text: string): string {
  return text
    .replace(/[.+?^${}()|[\]\\/]/g, "\\$&")
    .replace(/\s+/g, "\\s+")
    .replace(/[*#]+/g, "\\S+?");
}

/** A value after what was done to it when it was recorded. */
export function transformed(value: string, transform: Transform): string {
  switch (transform) {
    case "lower":
      return value.toLowerCase();
    case "upper":
      return value.toUpperCase();
    case "alphanumeric":
      return value.toLowerCase().replace(/[^\p{L}\p{N}]/gu, "");
    case "none":
      return value;
  }
}

/** The parts of a value that lists several things, such as `a, b and c`. */
export function partsOf(value: string): string[] {
  const parts = value.split(/\s*,\s*(?:and\s+|dan\s+)?|\s+and\s+|\s+dan\s+|\s*;\s*|\s*>\s*/u);
  return parts.map((part) => part.trim()).filter(Boolean);
}
