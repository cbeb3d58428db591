/** The ARIA role and the accessible name of an element. */

import { computeAccessibleName, getRole } from "dom-accessibility-api";

/** Inputs that hold a value which a person enters. */
const TEXT_TYPES = new Set([
  "text", "password", "number", "date", "time", "email", "tel", "url", "search", "month", "week",
  "datetime-local", "range",
]);

const INPUT_ROLES: Record<string, string> = {
  button: "button",
  submit: "button",
  reset: "button",
  image: "button",
  checkbox: "checkbox",
  radio: "radio",
  number: "spinbutton",
  range: "slider",
  search: "searchbox",
};

// What the recordings of the public data set say, where the library says nothing or otherwise.
const TAG_ROLES: Record<string, string> = { a: "link", svg: "graphics-document", form: "form" };

const PLAIN_FIELDS = new Set(["input", "textarea", "select"]);

/** Roles that only say how a page is built; they name nothing a person would point at. */
const SILENT = new Set(["generic", "presentation", "none", "rowgroup", "document", "definition"]);

/** The type of an `<input>`, "textarea", "select" or "editable"; "" for what is no field. */
export function fieldKind(element: Element): string {
  const tag = element.localName;
  if (tag === "input") return (element as HTMLInputElement).type;
  if (tag === "textarea" || tag === "select") return tag;
  return isEditable(element) ? "editable" : "";
}

/** Whether a person enters characters into it. */
export function isTextField(element: Element): boolean {
  const kind = fieldKind(element);
  return kind === "textarea" || kind === "editable" || TEXT_TYPES.has(kind);
}

/** Whether it is the root of a region of editable text. */
function isEditable(element: Element): boolean {
  return isInEditable(element) && editingHost(element) === element;
}

function isInEditable(element: Element | null): boolean {
  return (element as HTMLElement | null)?.isContentEditable === true;
}

/** What holds the text as a whole: the outermost editable element, else the element itself. */
export function editingHost(element: Element): Element {
  let host = element;
  while (host !== host.ownerDocument.body && isInEditable(host) && isInEditable(host.parentElement)) {
    host = host.parentElement!;
  }
  return host;
}

/** What a field holds now. */
export function valueOf(element: Element): string {
  const value = isEditable(element) ? (element as HTMLElement).innerText : (element as HTMLInputElement).value;
  return value ?? "";
}

/** The role an assistive technology is told, "" where there is none worth telling. */
export function roleOf(element: Element): string {
  const given = element.getAttribute("role")?.trim().split(/\s+/)[0]?.toLowerCase();
  // What can be used stays what it is, whatever the page says (WAI-ARIA 1.2, section 4.6).
  const hidden = given === "presentation" || given === "none";
  if (given && !hidden) return SILENT.has(given) ? "" : given;
  return hidden && !isUsable(element) ? "" : ownRole(element);
}

function isUsable(element: Element): boolean {
  return fieldKind(element) !== "" || ["a", "button", "summary", "option"].includes(element.localName);
}

function ownRole(element: Element): string {
  const tag = element.localName;
  if (tag === "input") {
    const kind = (element as HTMLInputElement).type;
    return INPUT_ROLES[kind] ?? (TEXT_TYPES.has(kind) ? "textbox" : "");
  }
  if (isEditable(element)) return "textbox";
  const role = TAG_ROLES[tag] ?? getRole(element) ?? "";
  return SILENT.has(role) ? "" : role;
}

/**
 * The accessible name where the element's own text does not already say it: that of fields, and
 * labels given by attributes. "" without any. Values of fields inside a label are no part of it.
 */
export function nameOf(element: Element): string {
  const kind = fieldKind(element);
  if (!kind && !isLabelled(element)) return "";
  const given = kind ? givenName(element) : "";
  if (given) return given;
  let name = computeAccessibleName(element);
  for (const value of valuesIn(element)) name = name.replace(value, " ");
  return collapse(name);
}

/** What a field of HTML is named by itself: the library's way there is long, and fields are many. */
function givenName(element: Element): string {
  const more = ["role", "aria-labelledby", "aria-hidden"].some((name) => element.hasAttribute(name));
  return more || !PLAIN_FIELDS.has(element.localName) ? "" : collapse(element.getAttribute("aria-label") ?? "");
}

function isLabelled(element: Element): boolean {
  return (
    element.hasAttributes() &&
    ["aria-label", "aria-labelledby", "alt", "title"].some((name) => element.getAttribute(name)?.trim())
  );
}

/** The current values of fields inside the labels of an element: part of its name to ARIA. */
function valuesIn(element: Element): string[] {
  const references = element.getAttribute("aria-labelledby") ?? "";
  // Chromium looks through the whole page for labels: not where the name is another.
  if (!references && element.getAttribute("aria-label")?.trim()) return [];
  const labels: Element[] = [...((element as HTMLInputElement).labels ?? [])];
  const root = element.getRootNode() as Document | ShadowRoot;
  for (const id of references.split(/\s+/)) {
    const label = id && root.getElementById?.(id);
    if (label) labels.push(label);
  }
  return labels
    .flatMap((label) => [...label.querySelectorAll("input,textarea,[contenteditable]")])
    .map((field) => (field as HTMLInputElement).value ?? field.textContent ?? "")
    .filter((value) => value.trim() && value !== "on");
}

/** A text with its runs of white space made one space, none at the ends. */
export function collapse(text: string): string {
  return text.replace(/\s+/g, " ").trim();
}
