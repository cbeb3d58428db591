/** The kind and length class of a value: the most that is ever said about its characters. */

import type { LengthClass, ValueKind, ValuePattern } from "../workflow";

// The rules of lam_core.references, in the same order.
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

/** The power-of-two class of a length in characters. */
export function lengthClass(length: number): LengthClass {
  return length < 64 ? LENGTHS[length === 0 ? 0 : 32 - Math.clz32(length)]! : "64+";
}

/** Kind and length class of a value; a secret's kind is only that it is one. */
export function patternOf(value: string, secret = false): ValuePattern {
  // Code points, not UTF-16 units: the service counts in them.
  const length = lengthClass([...value].length);
  if (!value) return { kind: "empty", length };
  if (secret) return { kind: "secret", length };
  const found = KINDS.find(([, pattern]) => pattern.test(value));
  return { kind: found ? found[0] : "other", length };
}
