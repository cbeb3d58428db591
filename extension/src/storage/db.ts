// The extension's IndexedDB, shared by the service worker and the extension's own pages.
import { openDB, type DBSchema, type IDBPDatabase } from "idb";

const NAME = "action-model";
const VERSION = 1;

/** Entries of a recording in the order they happened; the key makes writing twice harmless. */
export interface StoredEntry {
  recording: string;
  document: string;
  sequence: number;
  entry: unknown;
}

interface Schema extends DBSchema {
  entries: { key: [string, string, number]; value: StoredEntry; indexes: { recording: string } };
  recordings: { key: string; value: { id: string } };
  outbox: { key: string; value: { id: string } };
}

let opened: Promise<IDBPDatabase<Schema>> | undefined;

/** The open database; made on the first call of a script's life. */
export function database(): Promise<IDBPDatabase<Schema>> {
  opened ??= openDB<Schema>(NAME, VERSION, {
    upgrade(created) {
      const entries = created.createObjectStore("entries", {
        keyPath: ["recording", "document", "sequence"],
      });
      entries.createIndex("recording", "recording");
      created.createObjectStore("recordings", { keyPath: "id" });
      created.createObjectStore("outbox", { keyPath: "id" });
    },
    terminated() {
      opened = undefined;
    },
  });
  return opened;
}
