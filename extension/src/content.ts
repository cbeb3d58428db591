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

  let deaf = (): void => undefined;

  function leave(): void {
    recorder.stop();
    sender.drop();
    deaf();
    here.actionModelRecorder = false;
  }

  async function join(): Promise<void> {
    const found = await ask<Joined | null>({ kind: "join" });
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
  addEventListener("pagehide", () => {
    recorder.finish();
    sender.flush();
  });
  // The last that a page is sure to hear before it may be discarded.
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState !== "hidden") return;
    recorder.finish();
    void sender.send();
  });
  deaf = listen();
}

if (!here.actionModelRecorder) {
  here.actionModelRecorder = true;
  record();
}
