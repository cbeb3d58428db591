// The extension's IndexedDB, shared by the service worker and the extension's own pages.
import { openDB, type DBSchema, type IDBPDatabase } from "idb";
import type { Entry } from "../capture/entries";
import type { Workflow } from "../workflow";

const NAME = "action-model";
const VERSION = 1;

/** An entry of a recording; page and sequence make writing it twice harmless. */
export interface StoredEntry {
  order?: number;
  recording: string;
  page: string;
  sequence: number;
  tab: number;
  entry: Entry;
}

/** A finished recording that waits for its person to look at it. */
export interface Draft {
  id: string;
  madeAt: number;
  workflow: Workflow;
}

/** A workflow on its way to the service. */
export interface Outgoing {
  id: string;
  queuedAt: number;
  workflow: Workflow;
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
    value: StoredEntry;
    indexes: { once: [string, string, number]; recording: string };
  };
  drafts: { key: string; value: Draft };
  outbox: { key: string; value: Outgoing };
  sent: { key: string; value: Sent; indexes: { sentAt: number } };
}

export type Database = IDBPDatabase<Schema>;

let opened: Promise<Database> | undefined;

/** The open database; made on the first call of a script's life. */
export function database(): Promise<Database> {
  opened ??= openDB<Schema>(NAME, VERSION, {
    upgrade(created) {
      const entries = created.createObjectStore("entries", { keyPath: "order", autoIncrement: true });
      entries.createIndex("once", ["recording", "page", "sequence"], { unique: true });
      entries.createIndex("recording", "recording");
      created.createObjectStore("drafts", { keyPath: "id" });
      created.createObjectStore("outbox", { keyPath: "id" });
      created.createObjectStore("sent", { keyPath: "id" }).createIndex("sentAt", "sentAt");
    },
    terminated() {
      opened = undefined;
    },
  });
  return opened;
}

/** Store entries, each once, in the order they come. Throws when the disk is full. */
export async function addEntries(entries: StoredEntry[]): Promise<void> {
  const transaction = (await database()).transaction("entries", "readwrite");
  const once = transaction.store.index("once");
  for (const entry of entries) {
    const known = await once.getKey([entry.recording, entry.page, entry.sequence]);
    if (known === undefined) await transaction.store.add(entry);
  }
  await transaction.done;
}

/** The entries of a recording in the order they came. */
export async function entriesOf(recording: string): Promise<StoredEntry[]> {
  const found = await (await database()).getAllFromIndex("entries", "recording", recording);
  return found.sort((left, right) => (left.order ?? 0) - (right.order ?? 0));
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

/** In one go: a draft becomes something to be sent. */
export async function queue(workflow: Workflow): Promise<void> {
  const transaction = (await database()).transaction(["drafts", "outbox"], "readwrite");
  await transaction.objectStore("drafts").delete(workflow.id);
  const row = { id: workflow.id, queuedAt: Date.now(), workflow, attempts: 0, refusal: "" };
  await transaction.objectStore("outbox").put(row);
  await transaction.done;
}

/** In one go: what arrived is history and no longer waits. */
export async function arrived(sent: Sent): Promise<void> {
  const transaction = (await database()).transaction(["outbox", "sent"], "readwrite");
  await transaction.objectStore("outbox").delete(sent.id);
  await transaction.objectStore("sent").put(sent);
  await transaction.done;
}
