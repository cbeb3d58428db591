// The script that repeats in a page. The service worker injects it into the tab of a run, again
// after each navigation; it asks which run that is.
import { ask } from "../messages";
import { Runner } from "./runner";
import type { Run } from "./run";

const here = globalThis as typeof globalThis & { actionModelRepeats?: boolean };

async function join(): Promise<void> {
  const run = await ask<Run | null>({ kind: "repeat-join" });
  if (run) await new Runner(run).go();
}

if (!here.actionModelRepeats) {
  here.actionModelRepeats = true;
  void join().finally(() => {
    here.actionModelRepeats = false;
  });
}
