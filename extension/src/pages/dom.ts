// Making elements without markup in strings: what a page recorded is shown as text, never parsed.
import { text } from "./localize";

type Child = Node | string | null;
type Properties = Record<string, string | boolean | ((event: Event) => void)>;

/** An element with attributes, listeners (`onclick`) and children. */
export function make(tag: string, properties: Properties = {}, ...children: Child[]): HTMLElement {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else if (typeof value === "boolean") element.toggleAttribute(name, value);
    else element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

/** A button that says how it went: disabled while it works, an error next to it when it failed. */
export function button(label: string, act: () => Promise<void>, kind = ""): HTMLElement {
  const status = make("span", { role: "status", class: "error" });
  const control = make("button", { type: "button", class: kind }, label) as HTMLButtonElement;
  control.addEventListener("click", () => {
    control.disabled = true;
    status.textContent = "";
    void act()
      .catch((error: unknown) => {
        status.textContent = `${text("failed")} ${error instanceof Error ? error.message : String(error)}`;
      })
      .finally(() => {
        control.disabled = false;
      });
  });
  return make("span", { class: "action" }, control, status);
}

/** The element with an id. Throws when the page lacks it. */
export function byId<E extends HTMLElement = HTMLElement>(id: string): E {
  const found = document.getElementById(id);
  if (!found) throw new Error(`The page lacks #${id}.`);
  return found as E;
}

export function dateText(time: number): string {
  return new Intl.DateTimeFormat(chrome.i18n.getUILanguage(), { dateStyle: "medium", timeStyle: "short" }).format(time);
}
