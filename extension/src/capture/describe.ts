// How one element is described: role, accessible name, state, colours. The words are still the
// page's own here; observe.ts redacts them. Kept in step with lam_core/miniwob_dom.py.
import { computeAccessibleName } from "dom-accessibility-api";
import type { State } from "../workflow";

const ROLES: Record<string, string> = {
  a: "link", article: "article", aside: "complementary", button: "button", dialog: "dialog",
  form: "form", footer: "contentinfo", h1: "heading", h2: "heading", h3: "heading", h4: "heading",
  h5: "heading", h6: "heading", header: "banner", img: "img", li: "listitem", main: "main",
  meter: "meter", nav: "navigation", ol: "list", option: "option", output: "status",
  progress: "progressbar", select: "combobox", summary: "button", svg: "graphics-document",
  table: "table", td: "cell", textarea: "textbox", th: "columnheader", tr: "row", ul: "list",
};
const INPUT_ROLES: Record<string, string> = {
  button: "button", checkbox: "checkbox", date: "textbox", email: "textbox", image: "button",
  month: "textbox", number: "spinbutton", password: "textbox", radio: "radio", range: "slider",
  reset: "button", search: "searchbox", submit: "button", tel: "textbox", text: "textbox",
  time: "textbox", url: "textbox", week: "textbox",
};
const BUTTON_TYPES = new Set(["button", "submit", "reset", "image"]);
const TOGGLES = new Set(["checkbox", "radio"]);
const SHAPES = new Set(["circle", "ellipse", "line", "path", "polygon", "polyline", "rect", "text", "tspan"]);
const POINTER_CLASS = /hover|^ui-state-focus$|^ui-visual-focus$/;
const NAMING = ["aria-label", "aria-labelledby", "alt", "title", "placeholder"];

export function typeOf(element: Element): string {
  return element.localName === "input" ? (element as HTMLInputElement).type : "";
}

/** ARIA role: what the page says, else what the element is. */
export function roleOf(element: Element): string {
  const said = element.getAttribute("role")?.trim().split(/\s+/)[0];
  const type = typeOf(element);
  const own = (type ? INPUT_ROLES[type] : ROLES[element.localName]) ?? "";
  // What can be used stays what it is, whatever the page says (WAI-ARIA 1.2, section 4.6).
  const hidden = said === "presentation" || said === "none";
  return said && !(hidden && own) ? said.slice(0, 64) : own;
}

/** Whether an element holds text that people enter. */
export function isTextField(element: Element): boolean {
  const { localName } = element;
  if (localName === "textarea") return true;
  if (localName === "input") {
    const type = typeOf(element);
    return INPUT_ROLES[type] !== undefined && !BUTTON_TYPES.has(type) && !TOGGLES.has(type);
  }
  return isEditable(element);
}

export function isEditable(element: Element): boolean {
  return (element as HTMLElement).isContentEditable === true;
}

/** What a field holds now. */
export function valueOf(element: Element): string {
  if (isEditable(element)) return (element as HTMLElement).innerText ?? "";
  return (element as HTMLInputElement).value ?? "";
}

/** The accessible name where something gives one beside the element's own text. */
export function nameOf(element: Element): string {
  const labels = (element as HTMLInputElement).labels?.length ?? 0;
  if (!labels && !NAMING.some((name) => element.hasAttribute(name))) return "";
  return computeAccessibleName(element).trim();
}

/** A button that is an input says its text as a value. */
export function ownText(element: Element): string {
  return BUTTON_TYPES.has(typeOf(element)) ? (element as HTMLInputElement).value.trim() : "";
}

/** Classes without those that only a pointer over the element causes. */
export function classesOf(element: Element): string[] {
  const names = [...element.classList];
  const pointed = names.includes("ui-menu-item-wrapper") ? "ui-state-active" : "";
  return names.filter((name) => name !== pointed && !POINTER_CLASS.test(name)).slice(0, 50);
}

export function statesOf(element: Element, focused: Element | null): State[] {
  const field = element as HTMLInputElement & HTMLOptionElement;
  const aria = (name: string) => element.getAttribute(`aria-${name}`) === "true";
  const flags: [State, boolean][] = [
    ["focused", element === focused],
    ["checked", (TOGGLES.has(typeOf(element)) && field.checked) || aria("checked")],
    ["selected", (element.localName === "option" && field.selected) || aria("selected")],
    ["expanded", aria("expanded") || (element.localName === "details" && (element as HTMLDetailsElement).open)],
    ["pressed", aria("pressed")],
    ["disabled", field.disabled === true || aria("disabled")],
    ["readonly", field.readOnly === true || aria("readonly")],
    ["required", field.required === true || aria("required")],
    ["invalid", aria("invalid")],
  ];
  return flags.flatMap(([state, holds]) => (holds ? [state] : []));
}

const RGB = /^rgba?\((\d+), (\d+), (\d+)(?:, ([\d.]+))?\)$/;
const colours = new Map<string, string>();

/** A computed colour as #rrggbb; empty when it is transparent or no plain colour. */
export function colour(computed: string): string {
  const cached = colours.get(computed);
  if (cached !== undefined) return cached;
  const match = RGB.exec(computed);
  const parts = match?.slice(1, 4).map((part) => Number(part).toString(16).padStart(2, "0"));
  const found = !parts || match?.[4] === "0" ? "" : `#${parts.join("")}`;
  if (colours.size > 1_000) colours.clear();
  colours.set(computed, found);
  return found;
}

/** What an SVG shape is painted with. */
export function fillOf(element: Element, style: CSSStyleDeclaration): string {
  return SHAPES.has(element.localName) ? colour(style.fill) : "";
}
