// What became of what was sent: states and points from the service; deleting and exporting.
import { answer } from "../messages";
import { database, drafts, outgoing, type Sent } from "../storage/db";
import { unpack, type Packed } from "../storage/packed";
import { call } from "./service";

const PAGE_SIZE = 200;
const MAX_PAGES = 50;

interface ServiceRow {
  id: string;
  task: string;
  steps: number;
  state: string;
  received_at: string;
  verdict: { reasons: (string | { code: string })[] } | null;
}

interface Line {
  workflow: string | null;
  unit: string;
  amount: string;
}

/** Follow the pages of a list; throws when one does not come. */
async function all<T>(path: string): Promise<T[]> {
  const rows: T[] = [];
  let next: string | null = path;
  for (let page = 0; next && page < MAX_PAGES; page += 1) {
    const reply = await call("GET", next);
    const body = reply.body as { results?: T[]; next?: string | null } | null;
    if (reply.status !== 200 || !body?.results) throw new Error(String(reply.status));
    rows.push(...body.results);
    next = body.next ? (body.next.split("/api/v1/")[1] ?? null) : null;
  }
  return rows;
}

/** Ask the service about everything sent, also from other devices. */
async function refresh(): Promise<void> {
  const [rows, lines] = await Promise.all([
    all<ServiceRow>(`workflows?page_size=${PAGE_SIZE}`),
    all<Line>("points/entries"),
  ]);
  const points = new Map<string, number>();
  for (const { workflow, unit, amount } of lines) {
    if (workflow && unit === "millipoints") points.set(workflow, (points.get(workflow) ?? 0) + Number(amount));
  }
  const transaction = (await database()).transaction("sent", "readwrite");
  for (const row of rows) {
    const known = await transaction.store.get(row.id);
    await transaction.store.put(merged(row, known, points.get(row.id) ?? 0));
  }
  await transaction.done;
}

function merged(row: ServiceRow, known: Sent | undefined, millipoints: number): Sent {
  const sentAt = known?.sentAt ?? Date.parse(row.received_at);
  const reasons = (row.verdict?.reasons ?? []).map((reason) => (typeof reason === "string" ? reason : reason.code));
  const { id, state } = row;
  const task = row.task || (known?.task ?? "");
  return { id, task, steps: row.steps, queuedAt: known?.queuedAt ?? sentAt, sentAt, state, reasons, millipoints };
}

/** Withdraw from the service: its key is destroyed there. Throws what went wrong. */
async function withdraw({ id }: { kind: "withdraw"; id: string }): Promise<void> {
  const reply = await call("DELETE", `workflows/${id}`);
  if (reply.status !== 204 && reply.status !== 404) throw new Error(String(reply.status));
  const open = await database();
  const known = await open.get("sent", id);
  if (known) await open.put("sent", { ...known, task: "", state: "withdrawn", millipoints: 0 });
}

/** Everything: at the service, on the way there, and on this machine. */
async function withdrawAll(): Promise<void> {
  await refresh();
  const open = await database();
  for (const row of await open.getAll("sent")) {
    if (row.state !== "withdrawn") await withdraw({ kind: "withdraw", id: row.id });
  }
  for (const name of ["drafts", "outbox", "entries", "sent"] as const) await open.clear(name);
}

/** Everything the service keeps about the person, and what is still on this machine. */
async function exportAll(): Promise<unknown> {
  const reply = await call("GET", "export");
  if (reply.status !== 200 || !reply.body) throw new Error(String(reply.status));
  const sent = await (await database()).getAll("sent");
  const [made, waiting] = [await drafts(), await outgoing()];
  const device = { drafts: await Promise.all(made.map(readable)), waiting: await Promise.all(waiting.map(readable)), sent };
  return { service: reply.body, device };
}

async function readable<Row extends Packed>({ body, ...row }: Row): Promise<object> {
  return { ...row, workflow: await unpack({ body }) };
}

export function registerHistory(): void {
  answer("refresh", refresh);
  answer("withdraw", withdraw);
  answer("withdraw-all", withdrawAll);
  answer("export", exportAll);
}
