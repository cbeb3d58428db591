/**
 * What Python's driver calls in a page: one object on the window, made anew for every document.
 * `node extension/page.mjs` bundles it into lam_core/page_script.js.
 */

import { describe, Tree, type Anchors } from "../anchors/describe";
import { find, type Found, type Given } from "../anchors/find";
import { automationOf } from "../repeat/automation";
import { resolve } from "../repeat/resolve";
import { missingValues, valuesFrom } from "../repeat/values";
import { choose, isConnected, isEmpty, optionNamed, placeOf, scrollBy, type Choice, type Place } from "./live";
import { focusIn } from "./deep";
import { observe, type Observed, type ObserveOptions } from "./observe";
import { riskOfEnter, riskOfPressing, type Risk } from "./risk";
import { fieldKind } from "./roles";
import { settle } from "./settle";
import type { Observation } from "../workflow";

let last: Omit<Observed, "kept"> = { observation: { elements: [] }, nodes: [], texts: [] };

/** The element of the last observation with that index, or the one a line of text is in. */
function element(index: number): HTMLElement | null {
  const node = last.nodes[index];
  if (!node || !isConnected(node)) return null;
  return ("localName" in node ? node : node.startContainer.parentElement) as HTMLElement | null;
}

const driver = {
  settle,
  automationOf,
  valuesFrom,
  missingValues,
  resolve,

  /** The anchors of an element of an observation, recorded or live. */
  anchorsOf(observation: Observation, index: number): Anchors {
    return describe(new Tree(observation.elements), index);
  },

  /** Find a described element in an observation: one, several or none. */
  find(anchors: Anchors, observation: Observation, given: Given = {}): Found {
    return find(anchors, new Tree(observation.elements), given);
  },

  /** Observe the page; elements are known by their index until the next observation. */
  observe(options: ObserveOptions = {}): Observed["observation"] {
    last = observe(options);
    return last.observation;
  },

  /** Where to press an element; null when it is not there any more. */
  place(index: number, offset?: [number, number] | null): Place | null {
    const node = last.nodes[index];
    return node ? placeOf(node, offset) : null;
  },

  /** Left, top, width and height of an element in the window; null when it is gone. */
  boxOf(index: number): number[] | null {
    const node = last.nodes[index];
    if (!node || !isConnected(node)) return null;
    const box = node.getBoundingClientRect();
    return [box.left, box.top, box.width, box.height];
  },

  /** The kind of field an element is, "" for what is none, null when it is gone. */
  kindOf(index: number): string | null {
    const found = element(index);
    return found && fieldKind(found);
  },

  hasFocus(index: number): boolean {
    const found = element(index);
    return found !== null && focusIn(document) === found;
  },

  /** Give an element the focus; one that has parts, such as a date, in its first part. */
  focus(index: number): void {
    const found = element(index);
    found?.blur();
    found?.focus();
  },

  isEmpty(index: number): boolean {
    const found = element(index);
    return found !== null && isEmpty(found);
  },

  /** What pressing an element, or Enter on it (on the focus for null), would do for good. */
  risk(action: "click" | "enter", index: number | null): Risk {
    const found = index === null ? focusIn(document) : element(index);
    if (!found) return "";
    return action === "click" ? riskOfPressing(found) : riskOfEnter(found);
  },

  /** Choose an option by its label, or the option itself. */
  choose(index: number, label: string): Choice {
    const found = element(index);
    return found ? choose(found, label) : "gone";
  },

  /** The option of a list that a text names; null when there is not just one. */
  optionNamed(index: number, text: string): string | null {
    const found = element(index);
    return found && optionNamed(found, text);
  },

  /** Scroll an element or what holds it, the page for null; null when the element is gone. */
  scroll(index: number | null, dx: number, dy: number): boolean | null {
    if (index === null) return scrollBy(null, dx, dy);
    const found = element(index);
    return found && scrollBy(found, dx, dy);
  },
};

export type Driver = typeof driver;

declare global {
  interface Window {
    actionModel?: Driver;
  }
}

window.actionModel ??= driver;
