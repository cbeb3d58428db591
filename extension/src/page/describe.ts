/** What one element is like: its own text, classes, states and colours, in the page's words. */

import type { State } from "../workflow";
import { collapse, fieldKind, isTextField } from "./roles";

export const MAX_IDENTIFIER = 200;
const MAX_CLASSES = 50;
const MAX_COLOURS = 1_000;
const RGB = /^rgba?\((\d+), (\d+), (\d+)(?:, ([\d.]+))?\)$/;
/** Rendered states of being pointed at, wherever jQuery UI and its likes put them. */
const POINTER_CLASS = /hover|^ui-state-focus$|^ui-visual-focus$/;
const MENU_ITEM = "ui-menu-item-wrapper";

/** The text of an element that holds nothing but text, or the label of an input that is a button. */
export function ownText(element: Element): string {
  const kind = fieldKind(element);
  if (kind === "button" || kind === "submit" || kind === "reset") {
    return collapse((element as HTMLInputElement).value);
  }
  const { firstChild } = element;
  if ((kind && kind !== "editable") || !firstChild || element.firstElementChild) return "";
  if (!firstChild.nextSibling) return firstChild.nodeType === Node.TEXT_NODE ? collapse((firstChild as Text).data) : "";
  const texts = [...element.childNodes].filter((node) => node.nodeType === Node.TEXT_NODE);
  return collapse(texts.map((node) => (node as Text).data.trim()).join(" "));
}

export function classesOf(element: Element, redact: (text: string) => string): string[] {
  if (typeof element.className !== "string") return [];
  const tokens = element.className.split(/\s+/).filter(Boolean);
  const pointed = tokens.includes(MENU_ITEM) ? "ui-state-active" : "";
  return tokens
    .filter((token) => token !== pointed && !POINTER_CLASS.test(token))
    .slice(0, MAX_CLASSES)
    .map((token) => redact(token).slice(0, MAX_IDENTIFIER));
}

export function statesOf(element: Element, focused: Element | null): State[] {
  const field = element as HTMLInputElement;
  const usable = "disabled" in element || element.localName.includes("-");
  const said = element.getAttributeNames().some((name) => name.startsWith("aria-"));
  if (!usable && !said && element !== focused && element.localName !== "details") return [];
  const aria = (name: string): boolean => said && element.getAttribute(`aria-${name}`) === "true";
  const states: [State, boolean][] = [
    ["focused", element === focused],
    ["checked", (isToggle(element) && field.checked) || aria("checked")],
    ["selected", (element.localName === "option" && (element as HTMLOptionElement).selected) || aria("selected")],
    ["expanded", aria("expanded") || (element.localName === "details" && (element as HTMLDetailsElement).open)],
    ["pressed", aria("pressed")],
    ["disabled", element.matches(":disabled") || aria("disabled")],
    ["readonly", (isTextField(element) && field.readOnly === true) || aria("readonly")],
    ["required", field.required === true || aria("required")],
    ["invalid", aria("invalid")],
  ];
  return states.filter(([, holds]) => holds).map(([state]) => state);
}

function isToggle(element: Element): boolean {
  const kind = fieldKind(element);
  return kind === "checkbox" || kind === "radio";
}

const colours = new Map<string, string>();

/** A colour as #rrggbb; "" for what is transparent or in another colour space. */
export function colour(text: string): string {
  const cached = colours.get(text);
  if (cached !== undefined) return cached;
  const match = RGB.exec(text);
  const parts = match?.slice(1, 4).map((part) => Number(part).toString(16).padStart(2, "0"));
  const found = !parts || match?.[4] === "0" ? "" : `#${parts.join("")}`;
  if (colours.size > MAX_COLOURS) colours.clear();
  colours.set(text, found);
  return found;
}
