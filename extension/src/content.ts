// The recorder's part in a page. It is injected only while something is being recorded, and only
// into pages that are not blocked; it starts for good when the service worker lets it join.
import type { Context } from "./capture/reference";
import { Recorder, type Options } from "./capture/recorder";
import { Sender } from "./capture/sender";
import { answer, ask, listen } from "./messages";

export interface Joined {
  recording: string;
  context: Context;
  options: Options;
}

const JOIN_AGAIN_MS = [50, 200, 1_000, 5_000];

/** Injected a second time into the same page, the script does nothing. */
const here = globalThis as typeof globalThis & { actionModelRecorder?: boolean };

/** Eight hexadecimal digits; pages without TLS have no crypto.randomUUID. */
function randomName(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(4));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function record(): void {
  const page = randomName();
  let joined = false;
  const sender = new Sender(page, leave);
  const recorder = new Recorder(page, (entry) => sender.add(entry));

  // A page that is recorded again and again keeps nothing of the times before.
  const left = new AbortController();
  let deaf = (): void => undefined;

  function leave(): void {
    recorder.stop();
    sender.drop();
    deaf();
    left.abort();
    here.actionModelRecorder = false;
  }

  /** A service worker that dies in the middle of being asked is asked again. */
  async function asked(): Promise<Joined | null> {
    for (const wait of [...JOIN_AGAIN_MS, null]) {
      try {
        return await ask<Joined | null>({ kind: "join" });
      } catch (error) {
        if (wait === null || !chrome.runtime?.id) throw error;
        await new Promise((resolve) => setTimeout(resolve, wait));
      }
    }
    return null;
  }

  async function join(): Promise<void> {
    const found = await asked();
    if (!found) return leave();
    joined = true;
    recorder.join(found.context, found.options);
    sender.recording = found.recording;
    void sender.send();
  }

  const joining = join().catch(leave);
  answer("conclude", async () => {
    await joining; // the page may have just come
    if (!joined) return;
    recorder.conclude();
    await sender.settled();
  });
  answer("leave", async () => {
    recorder.finish();
    await sender.settled();
    leave();
  });
  recorder.start();
  const { signal } = left;
  const leaving = () => {
    recorder.finish();
    sender.flush();
  };
  addEventListener("pagehide", leaving, { signal });
  // The last that a page is sure to hear before it may be discarded.
  const hiding = () => {
    if (document.visibilityState !== "hidden") return;
    recorder.hide();
    void sender.send();
  };
  document.addEventListener("visibilitychange", hiding, { signal });
  deaf = listen();
}

if (!here.actionModelRecorder) {
  here.actionModelRecorder = true;
  record();
}
