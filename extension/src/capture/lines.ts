// A text as the lines it stands in, each with its own box.

const MOST_LINES = 12;
const LONGEST = 600;

export interface Line {
  text: string;
  box: DOMRect;
}

/** The lines of a text that can be seen; a long text is one. */
export function linesOf(node: Text): Line[] {
  const range = node.ownerDocument.createRange();
  range.selectNodeContents(node);
  const count = range.getClientRects().length;
  const whole = count <= 1 || count > MOST_LINES || node.data.length > LONGEST;
  const pieces = whole ? [{ text: node.data.trim(), box: range.getBoundingClientRect() }] : [...split(node, range)];
  return pieces.filter(({ text, box }) => text !== "" && box.width > 0 && box.height > 0);
}

function* split(node: Text, range: Range): Generator<Line> {
  for (let start = 0; start < node.data.length; ) {
    const end = lineEnd(node, range, start);
    yield { text: node.data.slice(start, end).trim(), box: range.getBoundingClientRect() };
    start = end;
  }
}

/** The last position up to which the text from `start` on is in one box; `range` ends there. */
function lineEnd(node: Text, range: Range, start: number): number {
  let fits = start + 1;
  let beyond = node.data.length + 1;
  range.setStart(node, start);
  while (fits + 1 < beyond) {
    const middle = (fits + beyond) >> 1;
    range.setEnd(node, middle);
    if (range.getClientRects().length <= 1) fits = middle;
    else beyond = middle;
  }
  range.setEnd(node, fits);
  return fits;
}
