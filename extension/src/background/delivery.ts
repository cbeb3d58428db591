// Sends what its person agreed to, each workflow once: the id was made here, so a repeat after an
// answer that never came changes nothing. One workflow leaves the queue only when the service says
// that it has it.
import { answer } from "../messages";
import { arrived, database, outgoing, queue, takeBack, type Outgoing } from "../storage/db";
import { pack } from "../storage/packed";
import { store, stored, type Trouble } from "../storage/settings";
import type { Workflow } from "../workflow";
import { showState } from "./badge";
import { problemText, sendPacked, type Reply } from "./service";

const ALARM = "deliver";
const FIRST_RETRY_MS = 2_000;
const LONGEST_RETRY_MS = 60 * 60_000;
/** Not over because nothing waits to be sent. */
const LASTING = new Set<Trouble>(["revoked", "storage-full", "pairing"]);

let running: Promise<void> | null = null;
let asked = false;

/** Deliver now if allowed, and wake up again for what is left. */
export function deliverSoon(): Promise<void> {
  asked = true;
  running ??= deliverWhileAsked();
  return running;
}

/** Who asks while a round is under way may have queued what it did not see: then another follows. */
async function deliverWhileAsked(): Promise<void> {
  try {
    while (asked) {
      asked = false;
      await deliver();
    }
  } finally {
    running = null;
  }
}

async function deliver(): Promise<void> {
  for (;;) {
    const next = await due();
    if (!next) break;
    const reply = await sendPacked("workflows", next.body);
    const settled = await settle(next, reply);
    if (!settled) break;
  }
  await wakeLater();
  await showState();
}

/** The oldest workflow that may be sent now. */
async function due(): Promise<Outgoing | undefined> {
  const { token, notBefore, trouble } = await stored("token", "notBefore", "trouble");
  const waiting = await sendable();
  if (!waiting.length) {
    if (!LASTING.has(trouble)) await store({ trouble: "none", notBefore: 0, failures: 0 });
    return undefined;
  }
  if (!token) {
    if (trouble !== "revoked") await store({ trouble: "unpaired" });
    return undefined;
  }
  return Date.now() >= notBefore ? waiting[0] : undefined;
}

async function sendable(): Promise<Outgoing[]> {
  return (await outgoing()).filter((row) => !row.refusal).sort((left, right) => left.queuedAt - right.queuedAt);
}

/** Whether to go on with the next one at once. */
async function settle(row: Outgoing, reply: Reply): Promise<boolean> {
  const body = reply.body as { id?: string; state?: string } | null;
  if ((reply.status === 200 || reply.status === 201) && body?.id === row.id) {
    await arrived(sentRow(row, body.state ?? "submitted"));
    await store({ trouble: "none", notBefore: 0, failures: 0 });
    return true;
  }
  const refused = await refusal(row, reply);
  if (refused) return true;
  await backOff(row, reply);
  return false;
}

function sentRow(row: Outgoing, state: string) {
  const { id, task, steps, queuedAt } = row;
  return { id, task, steps, queuedAt, sentAt: Date.now(), state, reasons: [], millipoints: 0 };
}

/** Answers about this workflow alone: it waits for its person, the others go on. */
async function refusal(row: Outgoing, { status, body }: Reply): Promise<boolean> {
  if (![400, 409, 413, 422].includes(status)) return false;
  const text = problemText(body) || `HTTP ${status}`;
  await (await database()).put("outbox", { ...row, attempts: row.attempts + 1, refusal: text });
  return true;
}

/** Answers about everything: later, or when the person has done something. */
async function backOff(row: Outgoing, reply: Reply): Promise<void> {
  const { failures } = await stored("failures");
  const trouble = troubleOf(reply.status);
  const grown = Math.min(FIRST_RETRY_MS * 2 ** failures, LONGEST_RETRY_MS);
  const wait = Math.max(reply.retryAfterSeconds * 1_000, grown * (0.75 + Math.random() / 2));
  await (await database()).put("outbox", { ...row, attempts: row.attempts + 1 });
  await store({ trouble, notBefore: Date.now() + wait, failures: failures + 1 });
  if (trouble === "revoked") await store({ token: "" });
}

function troubleOf(status: number): Trouble {
  if (status === 0) return "offline";
  if (status === 401) return "revoked";
  if (status === 403) return "consent";
  return status === 429 ? "slow-down" : "server";
}

async function wakeLater(): Promise<void> {
  const { notBefore, token } = await stored("notBefore", "token");
  if (!token || !(await sendable()).length) return void (await chrome.alarms.clear(ALARM));
  await chrome.alarms.create(ALARM, { when: Math.max(notBefore, Date.now() + 1_000), periodInMinutes: 1 });
}

async function send({ workflow }: { kind: "send"; workflow: Workflow }): Promise<void> {
  await queue(await pack(workflow));
  await deliverSoon();
}

/** The person looks again at what the service refused. */
async function lookAgain({ id }: { kind: "take-back"; id: string }): Promise<void> {
  const row = (await outgoing()).find((each) => each.id === id);
  if (row) await takeBack(row);
}

/** Try at once, whatever was to be waited for. */
async function retry(): Promise<void> {
  await store({ notBefore: 0 });
  await deliverSoon();
}

export function registerDelivery(): void {
  answer("send", send);
  answer("take-back", lookAgain);
  answer("retry", retry);
  chrome.alarms.onAlarm.addListener(({ name }) => {
    if (name === ALARM) void deliverSoon();
  });
  self.addEventListener("online", () => void retry());
  chrome.runtime.onStartup.addListener(() => void deliverSoon());
  chrome.runtime.onInstalled.addListener(() => void deliverSoon());
  // Whatever ended the worker in the middle of sending: go on.
  void deliverSoon();
}
