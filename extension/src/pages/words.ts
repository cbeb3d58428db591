// Steps and elements in words a person reads.
import type { Element, Observation, Workflow } from "../workflow";
import { nameOf, text } from "./localize";

type Step = Workflow["steps"][number];

/** What an element is called on the page, as far as that leaves the machine. */
export function elementText(observation: Observation | undefined, index: number | null | undefined): string {
  const element = index === null || index === undefined ? undefined : observation?.elements[index];
  if (!element) return text("the_page");
  if (element.private) return text("private_field");
  const kind = nameOf("role", element.role ?? "");
  const called = element.name || element.text;
  return called ? `${kind} “${called}”` : kind;
}

/** One step, in words. */
export function stepText(step: Step, workflow: Workflow): string {
  const observation = workflow.observations[step.observation];
  const target = elementText(observation, step.target);
  switch (step.action) {
    case "click":
      return text("step_click", target);
    case "drag":
      return text("step_drag", target, elementText(observation, step.drop));
    case "type":
      return text("step_type", sourceText(step.text, step.pattern), target);
    case "press":
      return text("step_press", nameOf("key", step.key));
    case "select":
      return text("step_select", target);
    case "scroll":
      return text("step_scroll");
    case "navigate":
      return text("step_navigate", `${step.page.origin ?? ""}${step.page.path ?? ""}`);
    case "tab":
      return text("step_tab", nameOf("tab", step.kind));
  }
}

function sourceText(source: Extract<Step, { action: "type" }>["text"], pattern: { kind: string; length: string }): string {
  const kind = text("value_pattern", nameOf("kind", pattern.kind), pattern.length);
  if (!source) return text("typed_unknown", kind);
  if (source.source === "parameter") return text("typed_parameter", source.name, kind);
  return source.source === "instruction" ? text("typed_instruction", kind) : text("typed_page", kind);
}

/** Every word of an element that leaves the machine. */
export function wordsOf(element: Element): string[] {
  return [element.name, element.text, element.id, ...(element.classes ?? [])].flatMap((word) => (word ? [word] : []));
}
