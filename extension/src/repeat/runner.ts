/** Carries out the steps that are left of a run, one by one, in the page it is in. */

import { describe, Tree, type Anchors } from "../anchors/describe";
import { ask } from "../messages";
import { text } from "../pages/localize";
import { isConnected, placeOf } from "../page/live";
import { observe, type Observed } from "../page/observe";
import { nameOf } from "../page/roles";
import { riskOfEnter, riskOfPressing, type Risk } from "../page/risk";
import { settle } from "../page/settle";
import { textOf } from "../page/spans";
import { RECORDED } from "../privacy/recorded";
import type { AutomationStep } from "./automation";
import { beforeOf, circles, isAsTold, lookFor, mayAsk, questionOf, type Action, type Reply } from "./decide";
import { drag, enter, key, pick, press } from "./hands";
import { Overlay, OVERLAY } from "./overlay";
import { resolve, type Resolved } from "./resolve";
import type { End, Run } from "./run";
import { stepText } from "./words";

const PATIENCE_MS = 5_000;
const LOOK_AGAIN_MS = 150;
const QUIET_MS = 60;
const SETTLE_MS = 2_000;
const LONGEST_NAME = 80;

type Unresolved = Exclude<Resolved, { kind: "ready" | "split" }>;
type Ready = Extract<Resolved, { kind: "ready" }>;

/** What is to be done next: a step, where and with what, and whether it is the first that is left. */
interface Plan {
  step: AutomationStep;
  resolved: Ready;
  observed: Observed;
  /** How sure the model is of its target, 0 to 1; null where anchors found it. */
  sure: number | null;
  stands: boolean;
}

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
    const count = this.run.taken.filter(({ by }) => by === "model").length;
    const byModel = count ? ` ${text("repeat_model_steps", String(count))}` : "";
    const left = how === "finished" || !step ? "" : ` ${stepText(step)}${detail ? ` (${detail})` : ""}`;
    this.overlay.end(said + left + byModel);
    await ask({ kind: "repeat-end", run: this.run.id, how, detail });
  }

  private async next(step: AutomationStep): Promise<void> {
    this.overlay.show(stepText(step));
    const { resolved, observed } = await this.resolveStep(step);
    if (resolved.kind === "split") {
      this.run = { ...this.run, steps: [...resolved.steps, ...this.run.steps.slice(1)] };
      return;
    }
    if (resolved.kind === "ready") return this.carryOut({ step, resolved, observed, sure: null, stands: true });
    await this.askModel(step, resolved);
  }

  private async carryOut(plan: Plan): Promise<void> {
    const { step, resolved, observed, stands } = plan;
    const element = elementAt(observed, resolved.target);
    await this.bringInto(observed, resolved.target);
    await this.allow(plan, element);
    const { taken } = this.run;
    const entered = step.kind === "select" ? (resolved.option ?? "") : resolved.text;
    const before = beforeOf(this.run, step, element, entered);
    // A page that goes away with a step has done it; one that leads to a step has none to show for it.
    const done = this.run.done + (stands ? 0 : 1);
    this.run = { ...this.run, done, taken: [...taken, { step: stepText(step), by: resolved.by, before }] };
    await this.report(stands);
    try {
      await this.act(step, resolved, element, elementAt(observed, resolved.drop));
    } catch (error) {
      this.run = { ...this.run, taken };
      await this.report(false);
      throw error;
    }
    if (stands) this.run = { ...this.run, steps: this.run.steps.slice(1), done: this.run.done + 1 };
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
      if (performance.now() >= until) return { resolved, observed: seen.raw };
      await pause(LOOK_AGAIN_MS);
    }
  }

  /** The anchors do not say which: the model may, and what it does may only lead to the step. */
  private async askModel(step: AutomationStep, found: Unresolved): Promise<void> {
    if (!mayAsk(this.run, step)) throw unresolved(found);
    this.overlay.show(text("repeat_asking", stepText(step)));
    const asked = lookFor(this.run);
    const question = questionOf(this.run, step, asked);
    const reply = await ask<Reply>({ kind: "repeat-decide", run: this.run.id, question });
    this.checkStopped();
    if (reply === null) throw unresolved(found);
    if ("trouble" in reply) throw new Ended("model-away", reply.trouble);
    const { action, confidence, stands_for_step: stands } = reply.decision;
    if (!action || circles(this.run, asked, action)) throw new Ended("model-unsure");
    if (action.kind === "finish") this.run = { ...this.run, steps: [] };
    else if (isAsTold(this.run, asked, action.target!)) {
      await this.carryOut(this.planned(step, found, action, { observed: asked, sure: confidence, stands }));
    } else throw unresolved(found);
  }

  /** What the model decided as a step: the recorded one with its target found, or one of its own. */
  private planned(
    step: AutomationStep,
    found: Unresolved,
    action: Action,
    rest: Pick<Plan, "observed" | "sure" | "stands">,
  ): Plan {
    const { observation, nodes } = rest.observed;
    const target = action.target!;
    const told = new Tree(observation.elements);
    const called = said(nodes[target]!) || told.labels[target]!;
    const anchors = { ...describe(told, target), label: called };
    if (!rest.stands) {
      const words = action.text ? this.span(action.text) : "";
      const resolved: Ready = { kind: "ready", target, by: "model", drop: null, text: words, option: words };
      return { ...rest, step: ownStep(step, action, anchors), resolved };
    }
    const { masked, raw } = look();
    const recorded = resolve({ ...step, target: null }, masked.observation, this.run.values, raw.observation);
    if (recorded.kind !== "ready" || recorded.drop !== null) throw unresolved(found);
    return { ...rest, step: { ...step, target: anchors }, resolved: { ...recorded, target, by: "model" } };
  }

  private span([start, end]: [number, number]): string {
    return textOf({ start, end, transform: "none" }, this.run.instruction);
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

  /** Ask before what can't be taken back, and before all that the model decided. */
  private async allow({ step, sure }: Plan, element: HTMLElement | null): Promise<void> {
    const questions = [];
    if (sure !== null) {
      const percent = String(Math.floor(100 * sure));
      questions.push(text("repeat_model_question", stepText(this.run.steps[0]!), percent, stepText(step)));
    }
    const risk = riskOf(step, element);
    if (risk) questions.push(text(`repeat_risk_${risk}`, stepText(step)));
    if (!questions.length) return;
    const goOn = await this.overlay.confirm(questions.join(" "));
    if (!goOn) throw new Ended(this.overlay.stopped ? "stopped" : "declined");
    if (element && !isConnected(element)) throw new Ended("target-missing");
    if (sure !== null) this.overlay.show(text("repeat_by_model", stepText(step)));
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
    else if (step.kind === "click" && element.localName === "option") this.choose(element, "");
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
    const { id, steps, done, taken } = this.run;
    await ask({ kind: "repeat-progress", run: id, steps, begun, done, taken });
  }
}

/** The page twice over: as recordings tell it, and in its own words. */
function look(): { masked: Observed; raw: Observed } {
  const own = { ignore: OVERLAY, limit: Infinity };
  return { masked: observe({ ...own, ...RECORDED }), raw: observe({ ...own, isPrivate: RECORDED.isPrivate }) };
}

/** A step of the model's own, that may lead to the recorded one. */
function ownStep({ recorded }: AutomationStep, action: Action, target: Anchors): AutomationStep {
  return {
    kind: action.kind as AutomationStep["kind"], recorded, target, key: action.key, modifiers: action.modifiers,
    label: null, list: false, context: [], text: null, option: null, drop: null, at: null, by: null,
    button: "left", count: 1, url: "",
  };
}

/** What the page itself calls an element, for its person to read. */
function said(node: Element | Range): string {
  return "localName" in node ? nameOf(node) || (node.textContent ?? "").replace(/\s+/g, " ").trim().slice(0, LONGEST_NAME) : "";
}

function unresolved(resolved: Unresolved): Ended {
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
