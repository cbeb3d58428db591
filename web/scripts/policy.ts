// The reward policy as a form: one field per number, or the whole document as JSON.
import { UserError } from "./site";
import { _ } from "./words";

type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

/** A policy document from its JSON text. Throws UserError. */
export function policyOf(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch (error) {
    const reason = (error as Error).message;
    throw new UserError(_("The policy is not JSON: %(reason)s", { reason }));
  }
}

/** Keep the fields for single numbers and the JSON document the same, whichever is edited. */
export function linkPolicyFields(form: HTMLFormElement): void {
  const text = form.elements.namedItem("document") as HTMLTextAreaElement;
  const fields = [...form.querySelectorAll<HTMLInputElement>("input[data-path]")];
  for (const field of fields) {
    field.addEventListener("input", () => {
      text.value = JSON.stringify(withValue(policyOf(text.value), field), null, 2);
    });
  }
  text.addEventListener("change", () => fillFields(text, fields));
  form.querySelector<HTMLInputElement>("input[type=file]")?.addEventListener("change", (event) => {
    void readFile(event.target as HTMLInputElement, text).then(() => fillFields(text, fields));
  });
}

async function readFile(input: HTMLInputElement, text: HTMLTextAreaElement): Promise<void> {
  const file = input.files?.[0];
  if (file) text.value = await file.text();
}

function fillFields(text: HTMLTextAreaElement, fields: HTMLInputElement[]): void {
  const document = policyOf(text.value);
  for (const field of fields) {
    const found = path(field).reduce<Json | undefined>(child, document);
    if (typeof found === "number" || typeof found === "string") field.value = String(found);
  }
}

function path(field: HTMLInputElement): string[] {
  return (field.dataset.path ?? "").split(".");
}

function child(parent: Json | undefined, key: string): Json | undefined {
  return parent && typeof parent === "object" ? (parent as Record<string, Json>)[key] : undefined;
}

function withValue(document: Json, field: HTMLInputElement): Json {
  const keys = path(field);
  const last = keys.pop() as string;
  const parent = keys.reduce<Json | undefined>(child, document);
  if (parent && typeof parent === "object") {
    const typed = field.dataset.type === "integer" ? Number(field.value) : field.value;
    (parent as Record<string, Json>)[last] = typed;
  }
  return document;
}
