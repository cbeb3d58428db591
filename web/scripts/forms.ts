// Forms that act: `data-action` names what a form does. Errors stand next to their field.
import { BaseError, ContractFunctionRevertedError } from "viem";
import { Problem, type FieldError } from "./api";
import { UserError } from "./site";
import { isRefusal } from "./wallet";
import { _ } from "./words";

/** What an action gets: its form, what was filled in, and a way to say how far it is. */
export interface Run {
  form: HTMLFormElement;
  values: FormData;
  say: (text: string) => void;
}

export type Action = (run: Run) => Promise<void>;

/** The trimmed text of a form's field. */
export function value({ values }: Run, name: string): string {
  const field = values.get(name);
  return typeof field === "string" ? field.trim() : "";
}

/** A required data attribute of a form. */
export function attribute(form: HTMLFormElement, name: string): string {
  const text = form.dataset[name];
  if (text === undefined) throw new Error(`The form lacks data-${name}.`);
  return text;
}

/** Enable the forms in `root`, whose fields are disabled without scripts, and run their actions. */
export function wire(actions: Record<string, Action>, root: ParentNode = document): void {
  for (const form of root.querySelectorAll<HTMLFormElement>("form[data-action]")) {
    setDisabled(form, false);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      // A form with two ways to do a thing names the other one on its second button.
      const action = actions[event.submitter?.dataset.do ?? form.dataset.action ?? ""];
      if (action) void perform(form, action);
    });
  }
}

async function perform(form: HTMLFormElement, action: Action): Promise<void> {
  const question = form.dataset.confirm;
  if (question && !window.confirm(question)) return;
  clearErrors(form);
  // Read before the fields are disabled: disabled fields are not part of a form's data.
  const values = new FormData(form);
  setDisabled(form, true);
  try {
    await action({ form, values, say: (text) => status(form, text, "status") });
  } catch (error) {
    setDisabled(form, false);
    show(form, error);
  }
}

/** Let a form be used again after an action that leaves the page as it is. */
export function enable(form: HTMLFormElement): void {
  setDisabled(form, false);
}

function setDisabled(form: HTMLFormElement, disabled: boolean): void {
  for (const fieldset of form.querySelectorAll("fieldset")) fieldset.disabled = disabled;
  form.setAttribute("aria-busy", String(disabled));
}

function status(form: HTMLFormElement, text: string, kind: "status" | "error"): void {
  const line = form.querySelector<HTMLElement>("[role=status]");
  if (!line) return;
  line.textContent = text;
  line.classList.toggle("error", kind === "error");
}

function clearErrors(form: HTMLFormElement): void {
  for (const note of form.querySelectorAll(".field-error")) note.remove();
  for (const field of form.querySelectorAll("[aria-invalid]")) {
    field.removeAttribute("aria-invalid");
    field.removeAttribute("aria-describedby");
  }
  status(form, "", "status");
}

function show(form: HTMLFormElement, error: unknown): void {
  const rest = error instanceof Problem ? error.errors.filter((item) => !atField(form, item)) : [];
  const whole = rest.filter((item) => /^\/?(non_field_errors)?$/.test(item.pointer));
  const named = rest.filter((item) => !whole.includes(item));
  const lines = [...whole.map((item) => item.detail), ...named.map(pointed)];
  status(form, whole.length ? lines.join(" ") : [explain(error), ...lines].join(" "), "error");
  form.querySelector<HTMLElement>("[aria-invalid]")?.focus();
}

function pointed({ pointer, detail }: FieldError): string {
  return `${pointer.slice(1)}: ${detail}`;
}

/** Put an error next to the field it names; false when the form has no such field. */
function atField(form: HTMLFormElement, { pointer, detail }: FieldError): boolean {
  const path = pointer.split("/").filter((part) => part !== "");
  const field = [path.join("."), path.slice(1).join("."), path.at(-1), path[0]]
    .map((name) => (name ? form.elements.namedItem(name) : null))
    .find((found) => found instanceof HTMLElement) as HTMLElement | undefined;
  if (!field) return false;
  const note = document.createElement("p");
  note.className = "field-error error";
  note.id = `${field.id}-error`;
  note.textContent = detail;
  field.setAttribute("aria-invalid", "true");
  field.setAttribute("aria-describedby", note.id);
  field.after(note);
  return true;
}

/** What went wrong, in words for a person. */
export function explain(error: unknown): string {
  if (isRefusal(error)) return _("You refused in the wallet; nothing was sent.");
  if (error instanceof UserError || error instanceof Problem) return error.message;
  if (error instanceof BaseError) {
    const revert = error.walk((cause) => cause instanceof ContractFunctionRevertedError);
    if (revert instanceof ContractFunctionRevertedError) {
      const reason = revert.data?.errorName ?? revert.shortMessage;
      return _("The contract refuses this: %(reason)s.", { reason });
    }
    return error.shortMessage;
  }
  console.error(error);
  return error instanceof TypeError ? _("The server could not be reached.") : String(error);
}
