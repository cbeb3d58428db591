/** Carries out the steps that are left of a run, one by one, in the page it is in. */

import { ask } from "../messages";
import { text } from "../pages/localize";
import { isConnected, placeOf } from "../page/live";
import { observe, type Observed } from "../page/observe";
import { riskOfEnter, riskOfPressing, type Risk } from "../page/risk";
import { settle } from "../page/settle";
import { RECORDED } from "../privacy/recorded";
import type { AutomationStep } from "./automation";
import { decide } from "./decide";
import { drag, enter, key, pick, press } from "./hands";
import { Overlay, OVERLAY } from "./overlay";
import { resolve, type Resolved } from "./resolve";
import type { End, Run } from "./run";
import { stepText } from "./words";

const PATIENCE_MS = 5_000;
const LOOK_AGAIN_MS = 150;
const QUIET_MS = 60;
const SETTLE_MS = 2_000;

type Ready = Extract<Resolved, { kind: "ready" }>;

class Ended extends Error {
  constructor(
    readonly how: End,
    readonly detail = "",
  ) {
    super(how);
  }
}

export class Runner {
  private readonly overlay: Overlay;

  constructor(private run: Run) {
    this.overlay = new Overlay(run.title, () => undefined);
  }

  /** Go on until the end, or the first step that must not be guessed. */
  async go(): Promise<void> {
    let how: End = "finished";
    let detail = "";
    try {
      while (this.run.steps.length) await this.next(this.run.steps[0]!);
    } catch (error) {
      how = error instanceof Ended ? error.how : "impossible";
      detail = error instanceof Ended ? error.detail : String(error);
    }
    const step = this.run.steps[0];
    const said = text(`repeat_end_${how.replaceAll("-", "_")}`);
    this.overlay.end(how === "finished" || !step ? said : `${said} ${stepText(step)}${detail ? ` (${detail})` : ""}`);
    await ask({ kind: "repeat-end", run: this.run.id, how, detail });
  }

  private async next(step: AutomationStep): Promise<void> {
    this.overlay.show(stepText(step));
    const { resolved, observed } = await this.resolveStep(step);
    if (resolved.kind === "split") {
      this.run = { ...this.run, steps: [...resolved.steps, ...this.run.steps.slice(1)] };
      return;
    }
    if (resolved.kind !== "ready") throw unresolved(resolved);
    const element = elementAt(observed, resolved.target);
    await this.bringInto(observed, resolved.target);
    await this.allow(step, element);
    await this.report(true);
    await this.act(step, resolved, element, elementAt(observed, resolved.drop));
    this.run = { ...this.run, steps: this.run.steps.slice(1), done: this.run.done + 1 };
    await settle(QUIET_MS, SETTLE_MS);
    await this.report(false);
  }

  /** Look for the target until it is there, as long as there is patience. */
  private async resolveStep(step: AutomationStep): Promise<{ resolved: Resolved; observed: Observed }> {
    const until = performance.now() + PATIENCE_MS;
    for (;;) {
      this.checkStopped();
      const seen = look();
      const resolved = resolve(step, seen.masked.observation, this.run.values, seen.raw.observation);
      if (resolved.kind === "ready" || resolved.kind === "split") return { resolved, observed: seen.raw };
      if (performance.now() >= until) return this.decided(step, seen.raw, resolved);
      await pause(LOOK_AGAIN_MS);
    }
  }

  /** The anchors do not say which: the model may. */
  private async decided(
    step: AutomationStep,
    observed: Observed,
    resolved: Resolved,
  ): Promise<{ resolved: Resolved; observed: Observed }> {
    const { instruction } = this.run;
    const decision = await decide({ instruction, observation: observed.observation, step });
    if (!decision) return { resolved, observed };
    // With its target found, the rest of the step is what was recorded.
    const rest = resolve({ ...step, target: null }, observed.observation, this.run.values);
    if (rest.kind !== "ready") return { resolved, observed };
    this.run = { ...this.run, byModel: this.run.byModel + 1 };
    return { resolved: { ...rest, target: decision.target, by: "model" }, observed };
  }

  private async bringInto(observed: Observed, target: number | null): Promise<void> {
    if (target === null) return;
    const place = placeOf(observed.nodes[target]!);
    if (!place) throw new Ended("target-missing");
    await this.overlay.point(place.x, place.y);
    this.checkStopped();
    // It may have moved or been covered while the cursor went there.
    const now = placeOf(observed.nodes[target]!);
    if (!now) throw new Ended("target-missing");
    if (now.covered && !now.covered.startsWith(OVERLAY)) throw new Ended("target-covered", now.covered);
  }

  private async allow(step: AutomationStep, element: HTMLElement | null): Promise<void> {
    const risk = riskOf(step, element);
    if (!risk) return;
    const question = text(`repeat_risk_${risk}`, stepText(step));
    const goOn = await this.overlay.confirm(question);
    if (!goOn) throw new Ended(this.overlay.stopped ? "stopped" : "declined");
    if (element && !isConnected(element)) throw new Ended("target-missing");
  }

  private async act(
    step: AutomationStep,
    resolved: Ready,
    element: HTMLElement | null,
    drop: HTMLElement | null,
  ): Promise<void> {
    this.checkStopped();
    if (step.kind === "navigate") location.assign(step.url);
    else if (step.kind === "press") this.pressKey(step, element);
    else if (!element) throw new Ended("target-missing");
    else if (step.kind === "click") press(element, step);
    else if (step.kind === "drag") drag(element, drop, step.by);
    else if (step.kind === "type" && !enter(element, resolved.text)) throw new Ended("impossible");
    else if (step.kind === "select") this.choose(element, resolved.option);
  }

  private pressKey(step: AutomationStep, element: HTMLElement | null): void {
    const at = element ?? (document.activeElement as HTMLElement | null) ?? document.body;
    for (let count = 0; count < step.count; count += 1) {
      if (!key(at, step.key!, step.modifiers)) throw new Ended("impossible", step.key!);
    }
  }

  private choose(element: HTMLElement, option: string | null): void {
    const chosen = pick(element, option, this.run.instruction);
    if (chosen !== "chosen") throw new Ended("impossible", chosen);
  }

  private checkStopped(): void {
    if (this.overlay.stopped) throw new Ended("stopped");
  }

  /** Tell the service worker how far it is: the page may go away at any moment. */
  private async report(begun: boolean): Promise<void> {
    const { id, steps, done, byModel } = this.run;
    await ask({ kind: "repeat-progress", run: id, steps, begun, done, byModel });
  }
}

/** The page twice over: as recordings tell it, and in its own words. */
function look(): { masked: Observed; raw: Observed } {
  const own = { ignore: OVERLAY, limit: Infinity };
  return { masked: observe({ ...own, ...RECORDED }), raw: observe({ ...own, isPrivate: RECORDED.isPrivate }) };
}

function unresolved(resolved: Exclude<Resolved, { kind: "ready" | "split" }>): Ended {
  if (resolved.kind === "ambiguous") return new Ended("target-ambiguous", String(resolved.candidates.length));
  return new Ended(resolved.what === "text" ? "no-text" : "target-missing");
}

function elementAt(observed: Observed, index: number | null): HTMLElement | null {
  const node = index === null ? undefined : observed.nodes[index];
  if (!node) return null;
  return ("localName" in node ? node : node.startContainer.parentElement) as HTMLElement | null;
}

function riskOf(step: AutomationStep, element: HTMLElement | null): Risk {
  if (!element) return "";
  if (step.kind === "click") return riskOfPressing(element);
  return step.kind === "press" && (step.key === "enter" || step.key === "space") ? riskOfEnter(element) : "";
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
