// Countdowns: what is left until a time of the chain, from the chain's time when the page was made.
import { _, duration } from "./words";

export const COUNTDOWNS = "time[data-until]";

const SECOND = 1000;

/** Seconds until a countdown is over, counted from when it was first seen; null without one. */
export function secondsLeft(clock: HTMLElement | null): number | null {
  if (!clock) return null;
  const { until, now } = clock.dataset;
  clock.dataset.ends ??= String(Date.now() + (Number(until) - Number(now)) * SECOND);
  return Math.ceil((Number(clock.dataset.ends) - Date.now()) / SECOND);
}

/** Let the countdowns of the page run. */
export function startCountdowns(): void {
  tick();
  setInterval(tick, SECOND);
}

function tick(): void {
  for (const clock of document.querySelectorAll<HTMLElement>(COUNTDOWNS)) {
    const left = secondsLeft(clock) ?? 0;
    clock.textContent = left > 0 ? duration(left) : _("over");
  }
}
