// What is said about a typed value instead of its characters: its kind, how long it is, and where
// the same characters stand. The counterpart of lam_core/references.py; tests/extension compares.
import type { LengthClass, Transform, ValueKind, ValuePattern } from "../workflow";

const KINDS: [ValueKind, RegExp][] = [
  ["digits", /^\p{Nd}+$/u],
  ["date", /^\p{Nd}{1,4}([/.-])\p{Nd}{1,2}\1\p{Nd}{1,4}$/u],
  ["time", /^\p{Nd}{1,2}:\p{Nd}{2}(:\p{Nd}{2})?( ?[AaPp][Mm]?)?$/u],
  ["number", /^[+-]?\p{Nd}[\p{Nd}., ]*$/u],
  ["email", /^[^\s@]+@[^\s@]+\.[^\s@]+$/u],
  ["url", /^(https?:\/\/|www\.)\S+$/u],
  ["word", /^\p{L}+$/u],
  ["code", /^(?=\S*\p{Nd})(?=\S*\p{L})[\p{L}\p{N}_-]+$/u],
  ["words", /^\p{L}+([ ,.'-]+\p{L}+)+[.!?]?$/u],
];
const LENGTHS: LengthClass[] = ["0", "1", "2-3", "4-7", "8-15", "16-31", "32-63"];
const MIN_ALPHANUMERIC = 2;

/** The power-of-two class of a length in characters. */
export function lengthClass(length: number): LengthClass {
  return LENGTHS[length ? Math.floor(Math.log2(length)) + 1 : 0] ?? "64+";
}

/** Kind and length class of a value. */
export function patternOf(value: string): ValuePattern {
  const kind = value ? (KINDS.find(([, pattern]) => pattern.test(value))?.[0] ?? "other") : "empty";
  return { kind, length: lengthClass([...value].length) };
}

export interface Span {
  start: number;
  end: number;
  transform: Transform;
}

/** Where `value` stands in `text`, and how it was changed on the way; whole words first. */
export function findSpan(value: string, text: string): Span | undefined {
  if (!value || !text) return undefined;
  const forms: [Transform, string][] = [
    ["none", text],
    ["lower", text.toLowerCase()],
    ["upper", text.toUpperCase()],
  ];
  for (const [transform, changed] of forms) {
    // A few characters change length with their case; their positions would be wrong.
    const start = changed.length === text.length ? wholeWord(value, changed) : -1;
    if (start >= 0) return { start, end: start + value.length, transform };
  }
  return alphanumericSpan(value, text);
}

const isAlphanumeric = (character: string | undefined): boolean =>
  character !== undefined && /[\p{L}\p{N}]/u.test(character);

function wholeWord(value: string, text: string): number {
  const first = text.indexOf(value);
  for (let start = first; start >= 0; start = text.indexOf(value, start + 1)) {
    const end = start + value.length;
    const insideLeft = isAlphanumeric(text[start - 1]) && isAlphanumeric(value[0]);
    const insideRight = isAlphanumeric(text[end]) && isAlphanumeric(value.at(-1));
    if (!insideLeft && !insideRight) return start;
  }
  return first;
}

function alphanumericSpan(value: string, text: string): Span | undefined {
  const wanted = [...value].filter(isAlphanumeric).join("").toLowerCase();
  if (wanted.length < MIN_ALPHANUMERIC) return undefined;
  const places = [...text].flatMap((character, index) => (isAlphanumeric(character) ? [index] : []));
  const plain = places.map((index) => text[index]?.toLowerCase()[0] ?? "").join("");
  const start = plain.indexOf(wanted);
  const last = places[start + wanted.length - 1];
  if (start < 0 || last === undefined) return undefined;
  return { start: places[start] ?? 0, end: last + 1, transform: "alphanumeric" };
}
