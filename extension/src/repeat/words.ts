/** Steps of an automation in words. */

import { nameOf, text } from "../pages/localize";
import type { AutomationStep } from "./automation";

/** What is done to what. */
export function stepText({ kind, target, key, url }: AutomationStep): string {
  const called = target?.label || (target ? nameOf("role", target.role) : nameOf("key", key ?? "shortcut"));
  return text(`repeat_step_${kind}`, kind === "navigate" ? url : called);
}
