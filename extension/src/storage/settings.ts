// What the extension remembers outside IndexedDB, in chrome.storage.local.

/** What the person agreed to have recorded; nothing is recorded before they did. */
export interface Consent {
  agreedAt: number;
  /** Paths of the pointer between actions, beside the actions themselves. */
  pointer: boolean;
}

/** A recording in progress. */
export interface Active {
  id: string;
  mode: "task" | "background";
  name: string;
  instruction: string;
  /** Names of the task's parameters; their values are in chrome.storage.session only. */
  parameters: string[];
  startedAt: number;
  paused: boolean;
}

/** A pairing that waits for its person to agree on the site. */
export interface Pending {
  verifier: string;
  tab: number;
  startedAt: number;
}

/** Why nothing is delivered at the moment, that pairing failed, or that all is well. */
export type Trouble = "none" | "offline" | "unpaired" | "pairing" | "revoked" | "consent" | "slow-down" | "server" | "storage-full";

export interface Stored {
  service: string;
  token: string;
  device: string;
  pending: Pending | null;
  consent: Consent | null;
  active: Active | null;
  /** A recording that has ended and is not a draft yet. */
  ending: Active | null;
  allowed: string[];
  blockedByPerson: string[];
  blockedByService: Record<string, string>;
  /** Whether the model may be told of a page where a repeated step's target is not found. */
  asksModel: boolean;
  trouble: Trouble;
  /** No delivery before this time, in milliseconds since the epoch. */
  notBefore: number;
  failures: number;
}

const DEFAULTS: Stored = {
  service: SERVICE_URL,
  token: "",
  device: "",
  pending: null,
  consent: null,
  active: null,
  ending: null,
  allowed: [],
  blockedByPerson: [],
  blockedByService: {},
  asksModel: false,
  trouble: "none",
  notBefore: 0,
  failures: 0,
};

/** The named values, with defaults for those never set. */
export async function stored<K extends keyof Stored>(...names: K[]): Promise<Pick<Stored, K>> {
  const found: Partial<Stored> = await chrome.storage.local.get<Partial<Stored>>(names);
  const values = names.map((name) => [name, found[name] ?? DEFAULTS[name]]);
  return Object.fromEntries(values) as Pick<Stored, K>;
}

export async function store(values: Partial<Stored>): Promise<void> {
  await chrome.storage.local.set(values);
}
