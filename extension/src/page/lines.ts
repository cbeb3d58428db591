/** The lines a piece of text is laid out in: each has one rectangle on the page. */

import { collapse } from "./roles";

const MOST_LINES = 12;
const LONGEST = 600;

export interface Line {
  text: string;
  box: DOMRect;
  range: Range;
}

/** The lines of a text node that are visible; most have one, a long text is one unless `always`. */
export function linesOf(node: Text, always = false): Line[] {
  const range = node.ownerDocument.createRange();
  range.selectNodeContents(node);
  const count = range.getClientRects().length;
  if (count <= 1) return line(node, 0, node.length);
  if (!always && (count > MOST_LINES || node.length > LONGEST)) return line(node, 0, node.length);
  const lines: Line[] = [];
  for (let start = 0; start < node.length; ) {
    const end = endOfLine(range, node, start);
    lines.push(...line(node, start, end));
    start = end;
  }
  return lines;
}

/** The last position up to which the text from `start` has one rectangle, by bisection. */
function endOfLine(range: Range, node: Text, start: number): number {
  let low = start + 1;
  let high = node.length;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    range.setStart(node, start);
    range.setEnd(node, middle);
    if (range.getClientRects().length <= 1) low = middle;
    else high = middle - 1;
  }
  return low;
}

function line(node: Text, start: number, end: number): Line[] {
  const text = collapse(node.data.slice(start, end));
  if (!text) return [];
  const range = node.ownerDocument.createRange();
  range.setStart(node, start);
  range.setEnd(node, end);
  const box = range.getBoundingClientRect();
  return box.width > 0 && box.height > 0 ? [{ text, box, range }] : [];
}
