// Taking things out of a workflow before it is sent. Pure.
import { mask } from "../privacy/mask";
import type { Element, Page, Workflow } from "../workflow";

/** Without one step; looks that nothing refers to any more go with it. */
export function withoutStep(workflow: Workflow, index: number): Workflow {
  const steps = workflow.steps.filter((_, each) => each !== index);
  return pruned({ ...workflow, steps });
}

function pruned(workflow: Workflow): Workflow {
  const used = new Set(workflow.steps.map((step) => step.observation));
  const { outcome } = workflow;
  if (outcome !== null && outcome !== undefined) used.add(outcome);
  const kept = [...used].sort((left, right) => left - right);
  const moved = new Map(kept.map((old, position) => [old, position]));
  return {
    ...workflow,
    observations: kept.flatMap((old) => workflow.observations[old] ?? []),
    steps: workflow.steps.map((step) => ({ ...step, observation: moved.get(step.observation) ?? 0 })),
    ...(outcome === null || outcome === undefined ? {} : { outcome: moved.get(outcome) ?? null }),
  };
}

/** With a text masked wherever it stands: in titles, also of frames, in names, ids and classes. */
export function withoutText(workflow: Workflow, text: string): Workflow {
  const hide = (words: string | undefined) => (words === text ? mask(words) : words);
  const strip = (element: Element): Element => ({
    ...element,
    ...(element.name ? { name: hide(element.name) ?? "" } : {}),
    ...(element.text ? { text: hide(element.text) ?? "" } : {}),
    ...(element.id ? { id: hide(element.id) ?? "" } : {}),
    ...(element.classes ? { classes: element.classes.map((name) => hide(name) ?? "") } : {}),
  });
  const untitled = ofPages(workflow, (page) => ({ ...page, title: hide(page.title) ?? "" }));
  const observations = untitled.observations.map((observation) => ({ ...observation, elements: observation.elements.map(strip) }));
  return { ...untitled, observations };
}

/** Without an address wherever it was recorded: of pages, of frames and of what was gone to. */
export function withoutAddress(workflow: Workflow, origin: string, path: string): Workflow {
  const hide = (page: Page): Page => ((page.origin ?? "") === origin && (page.path ?? "") === path ? { ...page, origin: "", path: "" } : page);
  return ofPages(workflow, hide);
}

function ofPages(workflow: Workflow, change: (page: Page) => Page): Workflow {
  const observations = workflow.observations.map((observation) => ({
    ...observation,
    ...(observation.page ? { page: change(observation.page) } : {}),
    ...(observation.frames ? { frames: observation.frames.map((frame) => ({ ...frame, page: frame.page ? change(frame.page) : null })) } : {}),
  }));
  const steps = workflow.steps.map((step) => (step.action === "navigate" ? { ...step, page: change(step.page) } : step));
  return { ...workflow, observations, steps };
}

/** With another instruction, as long as no step refers to the one it replaces. */
export function withoutInstruction(workflow: Workflow): Workflow {
  const instruction = mask(workflow.task.instruction ?? "");
  return { ...workflow, task: { ...workflow.task, instruction } };
}

/** Without the paths of the pointer. */
export function withoutPointer(workflow: Workflow): Workflow {
  return { ...workflow, steps: workflow.steps.map((step) => ({ ...step, pointer: [] })) };
}
