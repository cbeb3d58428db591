/** Waiting until a page has done what an action made it do. */

/**
 * Resolves with true when nothing has changed for `quiet` milliseconds and no animation runs, or
 * with false after `limit`: some pages never settle.
 */
export function settle(quiet: number, limit: number): Promise<boolean> {
  return new Promise((resolve) => {
    const started = performance.now();
    let changed = started;
    const observer = new MutationObserver(() => (changed = performance.now()));
    observer.observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
    const look = (): void => {
      const now = performance.now();
      if (now - changed >= quiet && document.readyState !== "loading" && !animates()) finish(true);
      else if (now - started >= limit) finish(false);
      else setTimeout(look, 10);
    };
    const finish = (settled: boolean): void => {
      observer.disconnect();
      resolve(settled);
    };
    setTimeout(look, Math.min(quiet, limit));
  });
}

/** Whether an animation runs that will end; decorations that go on for ever are not waited for. */
function animates(): boolean {
  return document.getAnimations().some((animation) => {
    const end = animation.effect?.getComputedTiming().endTime;
    return animation.playState === "running" && Number(end) < 2_000;
  });
}
