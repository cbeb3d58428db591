// What of a page's words may leave the machine: common words and small numbers. All else (names of
// people, numbers, codes, addresses, words in languages we have no list of) is masked in place.
// Deterministic: the same text gives the same result on every machine, so what a recording shows
// can be compared with what a page shows by redacting the latter.
import common from "words:common";
import names from "words:names";
import { mask } from "./mask";

const COMMON = new Set(common.split(" "));
const GIVEN = new Set(names.split(" "));

/** Longer texts are somebody's prose, not labels: nothing of them leaves. */
export const LONGEST_LABEL = 200;
/** The schema's bound on texts. */
export const LONGEST_TEXT = 2_000;
const CACHE_SIZE = 5_000;

// Whole spans that are hidden before single words are looked at.
const SPANS = [
  /[^\s@<>()"']+@[^\s@<>()"']+\.[^\s@<>()"']+/gu, // e-mail addresses
  /\b(?:[a-z][a-z0-9+.-]*:\/\/|www\.)\S+/giu, // addresses of pages
  /(?<![\p{L}\p{N}])@[\p{L}\p{N}_.]{2,}/gu, // handles
  /(?<![\p{L}\p{N}])(?=[\p{L}\p{N}_-]*\p{N})(?=[\p{L}\p{N}_-]*\p{L})[\p{L}\p{N}_-]{4,}/gu, // codes
  /[+(]?\p{N}[\p{N}\s().,\/:-]*\p{N}/gu, // numbers; short ones are let through below
  /(?<![\p{L}\p{N}])[A-Za-z0-9+\/_=-]{24,}/gu, // tokens
  /(?:\b(?:jl|jln|jalan|gang|gg)\.?\s+\S+(?:\s+\S+)?|\b\p{N}+[a-z]?\s+(?:\p{Lu}\S*\s+){1,3}(?:street|st|road|rd|avenue|ave|lane|ln|drive|dr|boulevard|blvd|way|court|ct|square|sq)\b)/giu,
];
const SMALL_NUMBER_DIGITS = 3;
const WORD = /\p{L}[\p{L}\p{M}]*(?:['’][\p{L}\p{M}]+)*/gu;
const TITLES = new Set(["mr", "mrs", "ms", "miss", "dr", "prof", "sir", "dear", "hi", "hello", "hey", "bapak", "ibu", "pak", "bu", "halo", "hai", "kak", "by", "from", "cc"]);

/** A text of a page as it may leave the machine: as long as before, all that is not common masked. */
export const redact = remembering(redacted);

/** An id, class or part of a path: only parts that are common words or short stay readable. */
export const redactToken = remembering(redactedToken);

/** Pages are looked at again and again, and say mostly what they said before. */
function remembering(mask: (text: string) => string): (text: string) => string {
  const known = new Map<string, string>();
  return (text) => {
    const cached = known.get(text);
    if (cached !== undefined) return cached;
    const result = mask(text);
    if (known.size >= CACHE_SIZE) known.clear();
    known.set(text, result);
    return result;
  };
}

function redacted(text: string): string {
  const cut = text.slice(0, LONGEST_TEXT);
  if (cut.length > LONGEST_LABEL) return mask(cut);
  let result = cut;
  for (const span of SPANS) result = result.replace(span, (found) => maskSpan(found));
  return maskWords(result);
}

function maskSpan(span: string): string {
  const digits = span.match(/\p{N}/gu)?.length ?? 0;
  const isNumber = digits > 0 && !/\p{L}/u.test(span);
  return isNumber && digits <= SMALL_NUMBER_DIGITS ? span : mask(span);
}

interface Word {
  start: number;
  text: string;
  hidden: boolean;
}

function maskWords(text: string): string {
  const words: Word[] = [...text.matchAll(WORD)].map((match) => ({
    start: match.index,
    text: match[0],
    hidden: !isCommon(match[0]),
  }));
  words.forEach((word, index) => hideName(word, words[index - 1], words[index + 1], text));
  let result = "";
  let end = 0;
  for (const word of words.filter((each) => each.hidden)) {
    result += text.slice(end, word.start) + mask(word.text);
    end = word.start + word.text.length;
  }
  return result + text.slice(end);
}

function isCommon(word: string): boolean {
  const lower = word.toLowerCase().replaceAll("’", "'");
  return COMMON.has(lower) || COMMON.has(lower.replace(/'\p{L}+$/u, ""));
}

/** Names that are common words: told by what stands beside them. */
function hideName(word: Word, before: Word | undefined, after: Word | undefined, text: string): void {
  if (!isCapitalised(word.text)) return;
  const next = after && isBeside(word, after, text) ? after : undefined;
  const previous = before && isBeside(before, word, text) ? before : undefined;
  const given = GIVEN.has(word.text.toLowerCase());
  const afterTitle = previous !== undefined && TITLES.has(previous.text.toLowerCase());
  const besideHidden = [previous, next].some((other) => other?.hidden && isCapitalised(other.text));
  const startsName = given && next !== undefined && isCapitalised(next.text);
  const alone = given && word.text.length === text.trim().length;
  if (startsName && next) next.hidden = true;
  if (afterTitle && given) word.hidden = true;
  if ((given && besideHidden) || startsName || alone) word.hidden = true;
}

function isCapitalised(word: string): boolean {
  return /^\p{Lu}/u.test(word);
}

function isBeside(left: Word, right: Word, text: string): boolean {
  return /^[\s.]{1,2}$/.test(text.slice(left.start + left.text.length, right.start));
}

const SHORT_PART = 3;

function redactedToken(token: string): string {
  if (/[@:\/%]/.test(token)) return mask(token);
  const long = (token.match(/\p{N}/gu)?.length ?? 0) > SMALL_NUMBER_DIGITS;
  return token
    .replace(/\p{N}+/gu, (digits) => (long ? mask(digits) : digits))
    .replace(/\p{Lu}?\p{Ll}+|\p{L}+/gu, (part) => {
      const lower = part.toLowerCase();
      const plain = COMMON.has(lower) && !GIVEN.has(lower);
      return plain || (part.length <= SHORT_PART && part === lower && !GIVEN.has(lower)) ? part : mask(part);
    });
}
