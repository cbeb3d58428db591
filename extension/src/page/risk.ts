/** Which actions can't be taken back: a person is asked before they are done. */

import { fieldKind } from "./roles";

/** What an action would do for good; "" where nothing says that it does. */
export type Risk = "" | "pay" | "delete" | "send" | "submit";

// Whole words of labels, English and Indonesian. The first kind that matches is told.
const WORDS: [Exclude<Risk, "">, string[]][] = [
  ["pay", ["pay", "buy", "purchase", "order", "checkout", "check out", "donate", "transfer", "withdraw",
    "subscribe", "book", "reserve", "bayar", "beli", "pesan", "transfer dana", "tarik"]],
  ["delete", ["delete", "remove", "erase", "discard", "trash", "unsubscribe", "deactivate", "close account",
    "cancel order", "cancel subscription", "hapus", "buang", "tutup akun"]],
  ["send", ["send", "post", "publish", "share", "reply", "forward", "tweet", "invite", "kirim", "terbitkan",
    "bagikan", "balas", "teruskan"]],
  ["submit", ["submit", "confirm", "apply", "sign", "agree", "accept", "approve", "register", "sign up",
    "place", "kirimkan", "konfirmasi", "setuju", "daftar", "ajukan"]],
];
const PATTERNS = WORDS.map(
  ([risk, words]) => [risk, new RegExp(`(?<!\\p{L})(${words.join("|")})(?!\\p{L})`, "iu")] as const,
);

/** The risk of pressing an element: what its label says, else whether it submits a form. */
export function riskOfPressing(element: Element): Risk {
  const control = element.closest("button, input, a, summary, label, [role], [onclick]") ?? element;
  if (isNeutral(control)) return "";
  const label = labelOf(control);
  for (const [risk, pattern] of PATTERNS) if (pattern.test(label)) return risk;
  return submits(control) ? "submit" : "";
}

/** The risk of pressing Enter while an element has the focus: a form with a field sends itself. */
export function riskOfEnter(element: Element): Risk {
  const kind = fieldKind(element);
  if (kind === "" || kind === "select") return riskOfPressing(element);
  if (kind === "textarea" || kind === "editable") return "";
  const form = (element as HTMLInputElement).form;
  if (!form || isSearch(form)) return "";
  const button = form.querySelector("button:not([type]), [type=submit], [type=image]");
  return (button && riskOfPressing(button)) || "submit";
}

/** Fields and lists are filled in, not done: that can be changed until the form is sent. */
function isNeutral(control: Element): boolean {
  const kind = fieldKind(control);
  return kind !== "" && !["submit", "image", "button", "reset"].includes(kind);
}

function labelOf(control: Element): string {
  const words = [
    control.getAttribute("aria-label"),
    control.getAttribute("title"),
    control.getAttribute("alt"),
    "value" in control && typeof control.value === "string" ? control.value : "",
    control.textContent?.slice(0, 200),
  ];
  // Long texts are contents, such as an article inside a link, and no label.
  return words.filter((word) => word && word.length <= 80).join(" ");
}

function submits(control: Element): boolean {
  const { type, form } = control as HTMLInputElement;
  return (type === "submit" || type === "image") && form != null && !isSearch(form);
}

/** A form that only asks: sending it changes nothing. */
function isSearch(form: HTMLFormElement): boolean {
  const search = form.getAttribute("role") === "search" || form.closest("search, [role=search]");
  return Boolean(search) || form.querySelector("input[type=search]") !== null;
}
