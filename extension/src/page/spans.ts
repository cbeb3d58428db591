/** Where typed text came from: a span of the instruction or of the page, never the characters. */

import type { Transform } from "../workflow";

/** [start, end) in code points of the text, and what was done to the characters found there. */
export interface Span {
  start: number;
  end: number;
  transform: Transform;
}

/** Shorter remainders of a text are found almost anywhere and say nothing. */
const MIN_ALPHANUMERIC = 2;
const ALPHANUMERIC = /[\p{L}\p{N}]/u;

// The rules of lam_core.references.find_span, in the same order.

/** Where `value` stands in `text`, and how it was changed on the way; whole words first. */
export function findSpan(value: string, text: string): Span | null {
  if (!value || !text) return null;
  const forms: [Transform, string][] = [
    ["none", text],
    ["lower", text.toLowerCase()],
    ["upper", text.toUpperCase()],
  ];
  for (const [transform, changed] of forms) {
    // A few characters change length with their case; their positions would be wrong.
    const start = changed.length === text.length ? wholeWord(value, changed) : -1;
    if (start >= 0) return inCodePoints(text, start, start + value.length, transform);
  }
  return alphanumericSpan(value, text);
}

/** The characters of a span, after its transform. */
export function textOf(span: Span, text: string): string {
  const part = [...text].slice(span.start, span.end).join("");
  switch (span.transform) {
    case "lower":
      return part.toLowerCase();
    case "upper":
      return part.toUpperCase();
    case "alphanumeric":
      return [...part.toLowerCase()].filter((character) => ALPHANUMERIC.test(character)).join("");
    case "none":
      return part;
  }
}

function inCodePoints(text: string, start: number, end: number, transform: Transform): Span {
  const before = [...text.slice(0, start)].length;
  return { start: before, end: before + [...text.slice(start, end)].length, transform };
}

function wholeWord(value: string, text: string): number {
  const first = text.indexOf(value);
  for (let start = first; start >= 0; start = text.indexOf(value, start + 1)) {
    const end = start + value.length;
    const insideLeft = isWord(text[start - 1]) && isWord(value[0]);
    const insideRight = isWord(text[end]) && isWord(value.at(-1));
    if (!insideLeft && !insideRight) return start;
  }
  return first;
}

function isWord(character: string | undefined): boolean {
  return character !== undefined && ALPHANUMERIC.test(character);
}

function alphanumericSpan(value: string, text: string): Span | null {
  const wanted = [...value].filter(isWord).join("").toLowerCase();
  const points = [...text];
  if ([...wanted].length < MIN_ALPHANUMERIC) return null;
  const places = points.map((_, index) => index).filter((index) => isWord(points[index]));
  const kept = places.map((index) => [...points[index]!.toLowerCase()][0]!);
  const start = codePointIndex(kept, [...wanted]);
  if (start < 0) return null;
  return {
    start: places[start]!,
    end: places[start + [...wanted].length - 1]! + 1,
    transform: "alphanumeric",
  };
}

function codePointIndex(text: string[], wanted: string[]): number {
  for (let start = 0; start + wanted.length <= text.length; start += 1) {
    if (wanted.every((character, index) => text[start + index] === character)) return start;
  }
  return -1;
}
