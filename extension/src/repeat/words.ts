/** Steps of an automation in words. */

import { text } from "../pages/localize";
import type { AutomationStep } from "./automation";

/** What is done to what. */
export function stepText({ kind, target, key, url }: AutomationStep): string {
  const called = target?.label || target?.role || target?.tag || key || "";
  return text(`repeat_step_${kind}`, kind === "navigate" ? url : called);
}
