// The extension's IndexedDB, shared by the service worker and the extension's own pages.
import { openDB, type DBSchema, type IDBPDatabase, type IDBPTransaction, type StoreNames } from "idb";
import type { Entry, Numbered, See } from "../capture/entries";
import type { Observation } from "../workflow";
import { gunzip, gzip, packed, type Packed, type Unpacked } from "./packed";

const NAME = "action-model";
const VERSION = 3;

/** What a page handed over at once; a row for each, as a row for each entry costs a browser more. */
interface Batch {
  order?: number;
  recording: string;
  page: string;
  tab: number;
  entries: Numbered[];
}

/** As it is stored: with a look in them, entries are compressed to a tenth and less. */
type Stored = Batch | (Omit<Batch, "entries"> & { packed: ArrayBuffer });

type EarlierLook = Omit<See, "look"> & { observation: Observation };
type EarlierEntry = { sequence: number; entry: Entry | EarlierLook };
type Earlier = Omit<Batch, "entries"> & (EarlierEntry | { entries: EarlierEntry[] });

/** An entry of a recording. */
export interface StoredEntry extends Numbered {
  page: string;
  tab: number;
}

/** A finished recording that waits for its person to look at it. */
export interface Draft extends Packed {
  madeAt: number;
}

/** A workflow on its way to the service. */
export interface Outgoing extends Packed {
  queuedAt: number;
  attempts: number;
  /** What the service has against it; such a workflow waits for its person. */
  refusal: string;
}

/** A workflow that arrived. */
export interface Sent {
  id: string;
  task: string;
  steps: number;
  queuedAt: number;
  sentAt: number;
  state: string;
  reasons: string[];
  millipoints: number;
}

interface Schema extends DBSchema {
  entries: {
    key: number;
    value: Stored;
    indexes: { recording: string };
  };
  drafts: { key: string; value: Draft | Unpacked<Draft> };
  outbox: { key: string; value: Outgoing | Unpacked<Outgoing> };
  sent: { key: string; value: Sent; indexes: { sentAt: number } };
}

export type Database = IDBPDatabase<Schema>;

let opened: Promise<Database> | undefined;

/** The open database; made on the first call of a script's life. */
export function database(): Promise<Database> {
  opened ??= openDB<Schema>(NAME, VERSION, {
    upgrade: (made, before, _, all) => void upgrade(made, before, all),
    terminated() {
      opened = undefined;
    },
  });
  return opened;
}

type Upgrade = IDBPTransaction<Schema, StoreNames<Schema>[], "versionchange">;

async function upgrade(made: Database, before: number, all: Upgrade): Promise<void> {
  if (before < 1) {
    made.createObjectStore("drafts", { keyPath: "id" });
    made.createObjectStore("outbox", { keyPath: "id" });
    made.createObjectStore("sent", { keyPath: "id" }).createIndex("sentAt", "sentAt");
  }
  // A recording that is in progress goes on.
  const rows = before ? ((await all.objectStore("entries").getAll()) as unknown as Earlier[]) : [];
  if (before) made.deleteObjectStore("entries");
  const entries = made.createObjectStore("entries", { keyPath: "order", autoIncrement: true });
  entries.createIndex("recording", "recording");
  for (const row of rows) await entries.add(batchOf(row));
}

/** The first version had a row for each entry, the first two told looks as objects. */
function batchOf({ recording, page, tab, ...row }: Earlier): Batch {
  const entries = "entries" in row ? row.entries : [row];
  return { recording, page, tab, entries: entries.map(({ sequence, entry }) => ({ sequence, entry: asText(entry) })) };
}

function asText(entry: Entry | EarlierLook): Entry {
  if (!("observation" in entry)) return entry;
  const { observation, ...rest } = entry;
  return { ...rest, look: JSON.stringify(observation) };
}

/** Store what a page wrote; twice is harmless. Throws when the disk is full. */
export async function addEntries(batch: Batch): Promise<void> {
  const row = await stored(batch);
  await (await database()).add("entries", row);
}

async function stored({ entries, ...rest }: Batch): Promise<Stored> {
  const looks = entries.some(({ entry }) => entry.kind === "see");
  return looks ? { ...rest, packed: await gzip(entries) } : { ...rest, entries };
}

async function entriesIn(row: Stored): Promise<Numbered[]> {
  return "packed" in row ? gunzip<Numbered[]>(row.packed) : row.entries;
}

/** The entries of a recording in the order they came, each once. */
export async function entriesOf(recording: string): Promise<StoredEntry[]> {
  const rows = await (await database()).getAllFromIndex("entries", "recording", recording);
  const entries: StoredEntry[] = [];
  for (const row of rows.sort((left, right) => left.order! - right.order!)) {
    const { page, tab } = row;
    for (const each of await entriesIn(row)) entries.push({ page, tab, ...each });
  }
  return [...new Map(entries.map((each) => [`${each.page}/${each.sequence}`, each])).values()];
}

/** The recordings that have entries. */
export async function recordingsLeft(): Promise<string[]> {
  const index = (await database()).transaction("entries").store.index("recording");
  const found: string[] = [];
  for (let at = await index.openKeyCursor(null, "nextunique"); at; at = await at.continue()) found.push(at.key);
  return found;
}

/** In one go: the draft is there and the entries it was made of are gone. */
export async function replaceEntries(recording: string, draft: Draft | null): Promise<void> {
  const transaction = (await database()).transaction(["entries", "drafts"], "readwrite");
  const entries = transaction.objectStore("entries");
  for (const key of await entries.index("recording").getAllKeys(recording)) await entries.delete(key);
  if (draft) await transaction.objectStore("drafts").put(draft);
  await transaction.done;
}

/** The recordings that wait for their person, in no order. */
export async function drafts(): Promise<Draft[]> {
  return Promise.all((await (await database()).getAll("drafts")).map(packed<Draft>));
}

export async function draftOf(id: string): Promise<Draft | undefined> {
  const row = await (await database()).get("drafts", id);
  return row && packed<Draft>(row);
}

/** What is on its way, in no order. */
export async function outgoing(): Promise<Outgoing[]> {
  return Promise.all((await (await database()).getAll("outbox")).map(packed<Outgoing>));
}

/** In one go: a draft becomes something to be sent. */
export async function queue(workflow: Packed): Promise<void> {
  const transaction = (await database()).transaction(["drafts", "outbox"], "readwrite");
  await transaction.objectStore("drafts").delete(workflow.id);
  await transaction.objectStore("outbox").put({ ...workflow, queuedAt: Date.now(), attempts: 0, refusal: "" });
  await transaction.done;
}

/** In one go: what was to be sent is a draft again. */
export async function takeBack(row: Outgoing): Promise<void> {
  const { id, task, steps, body } = row;
  const transaction = (await database()).transaction(["drafts", "outbox"], "readwrite");
  await transaction.objectStore("outbox").delete(id);
  await transaction.objectStore("drafts").put({ id, task, steps, body, madeAt: Date.now() });
  await transaction.done;
}

/** In one go: what arrived is history and no longer waits. */
export async function arrived(sent: Sent): Promise<void> {
  const transaction = (await database()).transaction(["outbox", "sent"], "readwrite");
  await transaction.objectStore("outbox").delete(sent.id);
  await transaction.objectStore("sent").put(sent);
  await transaction.done;
}
