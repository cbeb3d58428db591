/**
 * What a person sees of a run in the page: a cursor, the step, and buttons to stop or to go on.
 *
 * It lives in a closed shadow root, and only real input counts: a page can't press its buttons.
 */

import { text } from "../pages/localize";

export const OVERLAY = "action-model-repeat";
const STYLE = `
:host { all: initial; position: fixed !important; inset: auto 16px 16px auto !important; z-index: 2147483647 !important;
  display: block !important; color-scheme: light dark; }
section { font: 14px/1.45 system-ui, sans-serif; width: 320px; padding: 12px 14px; border-radius: 8px;
  border: 2px solid light-dark(#1a4fa3, #a8c7fa); color: light-dark(#1b1b1f, #e6e1e5); background: light-dark(#fff, #1b1b1f); }
p { margin: 0 0 8px; overflow-wrap: anywhere; }
h2 { font-size: 14px; margin: 0 0 4px; }
div.row { display: flex; gap: 8px; }
button { font: inherit; padding: 6px 14px; border-radius: 4px; border: 1px solid currentColor; cursor: pointer;
  color: light-dark(#1a4fa3, #a8c7fa); background: light-dark(#fff, #1b1b1f); }
button.primary { color: light-dark(#fff, #1b1b1f); background: light-dark(#1a4fa3, #a8c7fa); }
button:focus-visible { outline: 3px solid light-dark(#1a4fa3, #a8c7fa); outline-offset: 2px; }
i { position: fixed; left: 0; top: 0; width: 22px; height: 22px; margin: -11px 0 0 -11px; border-radius: 50%;
  border: 3px solid #d9480f; background: #ffd43b99; pointer-events: none; transition: translate 250ms ease-in-out; }
@media (prefers-reduced-motion: reduce) { i { transition: none; } }
`;
const MOVE_MS = 280;

export class Overlay {
  private readonly host = document.createElement(OVERLAY);
  private readonly cursor = document.createElement("i");
  private readonly status = document.createElement("p");
  private readonly row = document.createElement("div");
  private answered: ((goOn: boolean) => void) | null = null;
  stopped = false;

  constructor(
    title: string,
    private readonly onStop: () => void,
  ) {
    const root = this.host.attachShadow({ mode: "closed" });
    const style = document.createElement("style");
    style.textContent = STYLE;
    const panel = document.createElement("section");
    panel.setAttribute("aria-label", text("repeating", title));
    const heading = document.createElement("h2");
    heading.textContent = text("repeating", title);
    this.status.setAttribute("role", "status");
    this.row.className = "row";
    panel.append(heading, this.status, this.row);
    root.append(style, panel, this.cursor);
    this.cursor.hidden = true;
    document.documentElement.append(this.host);
    addEventListener("keydown", this.onKey, true);
    this.show("");
  }

  /** Say what is being done. */
  show(step: string): void {
    this.status.textContent = step;
    this.row.replaceChildren(this.button(text("repeat_stop"), () => this.stop()));
  }

  /** Move the cursor to a point of the window; resolves when it is there. */
  async point(x: number, y: number): Promise<void> {
    this.cursor.hidden = false;
    this.cursor.style.translate = `${x}px ${y}px`;
    await new Promise((resolve) => setTimeout(resolve, MOVE_MS));
  }

  /** Ask before what can't be taken back. */
  confirm(question: string): Promise<boolean> {
    this.status.textContent = question;
    const goOn = this.button(text("repeat_go_on"), () => this.answer(true));
    goOn.className = "primary";
    this.row.replaceChildren(goOn, this.button(text("repeat_stop"), () => this.stop()));
    return new Promise((resolve) => {
      this.answered = resolve;
      goOn.focus();
    });
  }

  /** Say how it ended; the panel stays until it is closed. */
  end(said: string): void {
    removeEventListener("keydown", this.onKey, true);
    this.cursor.hidden = true;
    this.status.textContent = said;
    const close = this.button(text("repeat_close"), () => this.remove());
    this.row.replaceChildren(close);
  }

  remove(): void {
    removeEventListener("keydown", this.onKey, true);
    this.host.remove();
  }

  private readonly onKey = (event: KeyboardEvent): void => {
    if (event.isTrusted && event.key === "Escape") this.stop();
  };

  private stop(): void {
    if (this.stopped) return;
    this.stopped = true;
    this.answer(false);
    this.onStop();
  }

  private answer(goOn: boolean): void {
    this.answered?.(goOn);
    this.answered = null;
  }

  private button(label: string, act: () => void): HTMLButtonElement {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = label;
    button.addEventListener("click", (event) => {
      if (event.isTrusted) act();
    });
    return button;
  }
}
