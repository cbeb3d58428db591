// Keys as what they do, never which character they stand for. In step with lam_core/miniwob_keys.py.
import type { EditKind, KeyKind, Modifier, NamedKey } from "../workflow";

const KINDS: Record<string, KeyKind> = {
  Backspace: "backspace", Delete: "delete", Enter: "enter", Tab: "tab", Escape: "escape",
  ArrowUp: "arrow", ArrowDown: "arrow", ArrowLeft: "arrow", ArrowRight: "arrow",
  PageUp: "page", PageDown: "page", Home: "page", End: "page",
  Shift: "modifier", Control: "modifier", Alt: "modifier", Meta: "modifier", AltGraph: "modifier",
  CapsLock: "modifier", NumLock: "modifier",
};
const NAMES: Record<string, NamedKey> = {
  Backspace: "backspace", Delete: "delete", Enter: "enter", Tab: "tab", Escape: "escape",
  " ": "space", ArrowUp: "arrow-up", ArrowDown: "arrow-down", ArrowLeft: "arrow-left",
  ArrowRight: "arrow-right", PageUp: "page-up", PageDown: "page-down", Home: "home", End: "end",
};
const EDITS: [RegExp, EditKind][] = [
  [/^insertFromPaste/, "paste"],
  [/^insertFromDrop/, "drop"],
  [/^insertReplacementText/, "complete"],
  [/^insert\w*Composition/, "compose"],
  [/^insert/, "insert"],
  [/^deleteByCut/, "cut"],
  [/^delete/, "delete"],
  [/^historyUndo/, "undo"],
  [/^historyRedo/, "redo"],
];

/** What kind of field has the keyboard. */
export type FieldKind = "none" | "line" | "lines" | "stepped";

const isCommand = (event: KeyboardEvent) =>
  (event.ctrlKey || event.metaKey) && !event.getModifierState("AltGraph");

export function keyKind(event: KeyboardEvent): KeyKind {
  const kind = KINDS[event.key];
  if (kind) return kind;
  if (isCommand(event)) return "shortcut";
  const printable = [...event.key].length === 1 || ["Dead", "Process", "Unidentified"].includes(event.key);
  return printable ? "character" : "other";
}

/** The name of a key that leaves the field's text alone; null when it edits the text. */
export function keyName(event: KeyboardEvent, field: FieldKind): NamedKey | null {
  const kind = keyKind(event);
  if (field === "none") return kind === "shortcut" ? "shortcut" : (NAMES[event.key] ?? null);
  if (kind === "tab") return "tab";
  if (kind === "enter") return field === "lines" ? null : "enter";
  if (kind === "escape") return "escape";
  const steps = event.key === "ArrowUp" || event.key === "ArrowDown";
  return steps && field === "line" ? (NAMES[event.key] ?? null) : null;
}

/** Keys that say nothing: unknown ones, and ones that do nothing outside of fields. */
export function isIdle(kind: KeyKind, name: NamedKey | null, field: FieldKind): boolean {
  if (kind === "modifier") return field === "none";
  return kind === "other" || (field === "none" && name === null);
}

export function modifiersOf(event: MouseEvent | KeyboardEvent): Modifier[] {
  const held: [Modifier, boolean][] = [
    ["alt", event.altKey],
    ["control", event.ctrlKey],
    ["meta", event.metaKey],
    ["shift", event.shiftKey],
  ];
  return held.flatMap(([name, down]) => (down ? [name] : []));
}

/** The kind of an input event, by the `inputType` values of the Input Events standard. */
export function editKind(inputType: string): EditKind {
  return EDITS.find(([pattern]) => pattern.test(inputType))?.[1] ?? "other";
}
