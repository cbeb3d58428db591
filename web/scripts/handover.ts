// The handover: recording that a founders' term is over, offered as soon as one is.
import type { Abi } from "viem";
import { abi as handoverAbi } from "../../contracts/abi/Handover.json";
import { COUNTDOWNS, secondsLeft } from "./countdowns";
import { attribute, type Run } from "./forms";
import { pageNow, repeat } from "./renewal";
import { transact } from "./transactions";
import { _ } from "./words";

const ASK_MILLISECONDS = 3000;

/** Have the contract record that a founders' term is over; anyone may. */
export async function advanceHandover(run: Run): Promise<void> {
  await transact(run, _("Advance"), {
    contract: "Handover",
    abi: handoverAbi as Abi,
    functionName: "advance",
    args: [Number(attribute(run.form, "capability"))],
  });
  location.reload();
}

/** Once a countdown is over, ask for the page until a block says so too, and show what it says then. */
export function followHandover(wire: (card: HTMLElement) => void): void {
  if (!document.getElementById("holdings")) return;
  repeat(async () => {
    const over = cards(document).filter((card) => (secondsLeft(countdown(card)) ?? 1) <= 0);
    if (over.length > 0) await renew(over, wire);
  }, ASK_MILLISECONDS);
}

function cards(page: Document): HTMLElement[] {
  return [...page.querySelectorAll<HTMLElement>("#holdings > li")];
}

function countdown(card: HTMLElement): HTMLElement | null {
  return card.querySelector<HTMLElement>(COUNTDOWNS);
}

async function renew(over: HTMLElement[], wire: (card: HTMLElement) => void): Promise<void> {
  const page = await pageNow();
  if (!page) return;
  const fresh = new Map(cards(page).map((card) => [card.id, card]));
  for (const card of over) {
    const now = fresh.get(card.id);
    // The last block may still be from before the end.
    if (!now || countdown(now)?.dataset.until === countdown(card)?.dataset.until) continue;
    replace(card, now);
    wire(now);
    announce(now);
  }
}

/** Put the new card in the place of the old one, its stages as open and as focused as they were. */
function replace(card: HTMLElement, now: HTMLElement): void {
  const wasFocused = card.contains(document.activeElement);
  now.querySelector("details")?.toggleAttribute("open", card.querySelector("details")?.open ?? false);
  card.replaceWith(now);
  if (wasFocused) now.querySelector("summary")?.focus();
}

function announce(card: HTMLElement): void {
  const news = document.getElementById("holdings-news");
  const says = card.querySelector("form p") ?? card.querySelector("dd");
  if (news) news.textContent += `${card.querySelector("h2")?.textContent}: ${says?.textContent} `;
}
