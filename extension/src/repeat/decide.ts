/** Where a model takes over: a step whose target the anchors do not find is decided by it. */

import type { Observation } from "../workflow";
import type { AutomationStep } from "./automation";

export interface Question {
  instruction: string;
  observation: Observation;
  step: AutomationStep;
}

/** The element to do the step on, and the probability that it is right. */
export interface Decision {
  target: number;
  confidence: number;
}

export type Decider = (question: Question) => Promise<Decision | null>;

/** Decisions less sure than that are not followed. */
export const MIN_CONFIDENCE = 0.9;

let decider: Decider | null = null;

/** Let a model decide; without one, a target that is not found ends the run. */
export function takeOver(by: Decider): void {
  decider = by;
}

/** What the model decides, when there is one and it is sure of an element that is there. */
export async function decide(question: Question): Promise<Decision | null> {
  const decision = decider && (await decider(question));
  const known = decision && question.observation.elements[decision.target];
  return known && decision.confidence >= MIN_CONFIDENCE ? decision : null;
}
