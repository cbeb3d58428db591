// Hiding characters without changing how long a text is or where its words stand, so that a
// reference to a span of the text means the same before and after.

const LETTER = /\p{L}|\p{M}/gu;
const DIGIT = /\p{N}/gu;

/** The text with every letter as `*` and every digit as `#`; spaces and punctuation stay. */
export function mask(text: string): string {
  // One for each code point: that is how the service counts.
  return text.replace(LETTER, "*").replace(DIGIT, "#");
}

/** Whether nothing of a text but its shape is left. */
export function isMasked(text: string): boolean {
  return text.search(LETTER) < 0 && text.search(DIGIT) < 0;
}
