// Fields that are never described: passwords, payments, personal details, one-time codes.

/** `autocomplete` values that say nothing about what the field holds. */
const HARMLESS = new Set(["", "on", "off", "new", "false", "true", "nope", "none", "list", "both", "inline"]);
const SENSITIVE_TYPE = new Set(["password", "hidden", "file"]);
const SENSITIVE_NAME =
  /pass(?:word|wd|phrase|code)?\b|passw|pwd|kata.?sandi|\bpin\b|pin.?code|\botp\b|one.?time|2fa|mfa|\bcv[vc]2?\b|security.?code|card.?(?:no|num|holder|exp)|kartu|cc.?(?:num|exp|name|csc)|\biban\b|\bbic\b|swift|sort.?code|routing|account.?(?:no|num)|rekening|\bssn\b|social.?security|national.?id|\bnik\b|\bktp\b|\bnpwp\b|tax.?id|passport|paspor|licen[cs]e.?(?:no|num)|date.?of.?birth|birth.?da(?:te|y)|\bdob\b|tanggal.?lahir|mother.?s?.?maiden|secret|token|api.?key|seed.?phrase|mnemonic|private.?key/i;

type Field = HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement | HTMLElement;

const judged = new WeakMap<Element, boolean>();

/** Whether a field must never be described. Once private, a field stays private. */
export function isPrivate(field: Field): boolean {
  if (judged.get(field)) return true;
  const found = asksForSecrets(field);
  if (found) judged.set(field, true);
  return found;
}

function asksForSecrets(field: Field): boolean {
  if (SENSITIVE_TYPE.has((field as HTMLInputElement).type ?? "")) return true;
  const wanted = (field.getAttribute("autocomplete") ?? "").toLowerCase().split(/\s+/);
  if (wanted.some((word) => !HARMLESS.has(word) && !word.startsWith("section-"))) return true;
  return SENSITIVE_NAME.test(words(field));
}

function words(field: Field): string {
  const labels = [...((field as HTMLInputElement).labels ?? [])].map((label) => label.textContent);
  const attributes = ["name", "id", "placeholder", "aria-label", "title"].map((name) =>
    field.getAttribute(name),
  );
  // camelCase and snake_case as words, so that word boundaries are where people see them.
  return [...attributes, ...labels]
    .map((text) => (text ?? "").replace(/([a-z])([A-Z])/g, "$1 $2").replaceAll("_", " "))
    .join(" ");
}
