// What the recorder writes down while it records: one entry per event, from which assemble.ts
// makes the steps of a workflow. Entries are stored within half a second: a browser that dies loses
// no more. Times are milliseconds since the epoch, monotonic within a page.
import type { EditKind, KeyKind, LengthClass, Modifier, NamedKey, Page, ValueKind } from "../workflow";
import type { Reference } from "./reference";

export type Sample = [time: number, x: number, y: number];

interface Timed {
  at: number;
}

/** A look at the page; later entries of the same page refer to it by `number`. */
export interface See extends Timed {
  kind: "see";
  number: number;
  /** An observation as JSON: three processes copy it, and copying a text costs them next to nothing. */
  look: string;
}

/** Which look, and which of its elements. */
interface Aimed extends Timed {
  seen: number;
  target: number | null;
}

export interface Down extends Aimed {
  kind: "down";
  x: number;
  y: number;
  button: "left" | "middle" | "right";
  modifiers: Modifier[];
  device: "mouse" | "touch" | "pen";
  path: Sample[];
  list: boolean;
}

export interface Up extends Timed {
  kind: "up";
  x: number;
  y: number;
  drop: number | null;
  /** Released far away on another element. */
  dragged: boolean;
}

export interface KeyDown extends Aimed {
  kind: "key";
  id: number;
  key: KeyKind;
  /** What the key does when it enters no text. */
  name: NamedKey | null;
  modifiers: Modifier[];
  path: Sample[];
}

export interface KeyUp extends Timed {
  kind: "keyup";
  id: number;
}

export interface EditEntry extends Timed {
  kind: "edit";
  edit: EditKind;
}

/** What a field holds when the person leaves it: a reference and a pattern, no characters. */
export interface Typed extends Aimed {
  kind: "typed";
  text: Reference | null;
  pattern: { kind: ValueKind; length: LengthClass };
  pasted: boolean;
}

/** An option was chosen. */
export interface Chosen extends Aimed {
  kind: "chosen";
  option: number | null;
  text: Reference | null;
}

export interface Scrolled extends Aimed {
  kind: "scrolled";
  until: number;
  dx: number;
  dy: number;
}

/** The page as it was after what was done last. */
export interface After extends Timed {
  kind: "after";
  seen: number;
}

export interface Went extends Timed {
  kind: "went";
  how: "typed" | "link" | "form" | "reload" | "back" | "forward" | "other";
  page: Page;
}

export interface TabChange extends Timed {
  kind: "tab";
  change: "open" | "close" | "switch";
  tab: number;
}

export type Entry =
  | See | Down | Up | KeyDown | KeyUp | EditEntry | Typed | Chosen | Scrolled | After | Went | TabChange;

/** An entry with its place among those of its page, by which it is told from one written twice. */
export interface Numbered {
  sequence: number;
  entry: Entry;
}
