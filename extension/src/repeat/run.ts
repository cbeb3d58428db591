/** A run of an automation in a tab, as the service worker keeps it and the page's script goes on. */

import type { AutomationStep } from "./automation";
import type { Before, Question } from "./decide";
import type { Values } from "./values";

/** How a run ended. */
export type End =
  | "finished"
  | "stopped"
  | "declined"
  | "target-missing"
  | "target-ambiguous"
  | "target-covered"
  | "no-text"
  | "model-unsure"
  | "model-away"
  | "impossible"
  | "page-gone";

/** A step that was carried out: what, which anchor (or "model") found its target, for the model. */
export interface Taken {
  step: string;
  by: string;
  before: Before | null;
}

export interface Run {
  /** Made once; the use of a published automation is recorded under it. */
  id: string;
  tab: number;
  title: string;
  /** The number of the published automation and the most actions it costs; null for one's own. */
  published: { automation: number; actions: number } | null;
  instruction: string;
  /** Whether the person chose that the model may be asked where anchors fail. */
  asks: boolean;
  values: Values;
  /** What is left to do, the next first. */
  steps: AutomationStep[];
  /** Whether the first of them has been begun: a page that went away meanwhile has done it. */
  begun: boolean;
  done: number;
  taken: Taken[];
  end: { how: End; detail: string } | null;
}

/** What a page's script asks the service worker. */
export type RunMessage =
  | { kind: "repeat-start"; run: Omit<Run, "begun" | "done" | "taken" | "end"> }
  | { kind: "repeat-join" }
  | { kind: "repeat-progress"; run: string; steps: AutomationStep[]; begun: boolean; done: number; taken: Taken[] }
  | { kind: "repeat-decide"; run: string; question: Question }
  | { kind: "repeat-end"; run: string; how: End; detail: string }
  | { kind: "repeat-state" };

/** A run just after a page's script joined: what it had begun before the page went away is done. */
export function resumed(run: Run): Run {
  return run.begun ? { ...run, steps: run.steps.slice(1), begun: false, done: run.done + 1 } : run;
}
