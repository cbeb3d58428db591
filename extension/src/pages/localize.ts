// Texts of the extension's pages from _locales: `data-text` names the message of an element,
// `data-label` that of its accessible name.

/** A message of _locales; an unknown name is a mistake in the page. */
export function text(name: string, ...substitutions: string[]): string {
  const found = chrome.i18n.getMessage(name, substitutions);
  if (!found) throw new Error(`There is no message "${name}".`);
  return found;
}

/** The message for one value of several, such as a kind or a category; that of `other` without one. */
export function nameOf(what: string, value: string): string {
  return chrome.i18n.getMessage(`${what}_${value.replace(/\W/g, "_")}`) || text(`${what}_other`);
}

/** Fill in the texts below `root`, and the document's language. */
export function localize(root: ParentNode): void {
  document.documentElement.lang = chrome.i18n.getUILanguage();
  for (const element of root.querySelectorAll<HTMLElement>("[data-text]")) {
    element.textContent = text(element.dataset.text ?? "");
  }
  for (const element of root.querySelectorAll<HTMLElement>("[data-label]")) {
    element.setAttribute("aria-label", text(element.dataset.label ?? ""));
  }
}
