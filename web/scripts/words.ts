// Texts in the reader's language, by Django's catalog for scripts, which base.html loads first.
declare const gettext: (text: string) => string;
declare const ngettext: (one: string, many: string, count: number) => string;
declare const interpolate: (text: string, values: Values, named: true) => string;

type Values = Record<string, string | number>;

/** A text; `%(name)s` in it stands for a value. */
export function _(text: string, values: Values = {}): string {
  return interpolate(gettext(text), values, true);
}

const SECONDS: [number, (count: number) => string][] = [
  [86_400, (count) => ngettext("%(count)s day", "%(count)s days", count)],
  [3_600, (count) => ngettext("%(count)s hour", "%(count)s hours", count)],
  [60, (count) => ngettext("%(count)s minute", "%(count)s minutes", count)],
  [1, (count) => ngettext("%(count)s second", "%(count)s seconds", count)],
];

/** Seconds in their two largest units: 3 days 4 hours. */
export function duration(seconds: number): string {
  const parts: string[] = [];
  let rest = seconds;
  for (const [size, text] of SECONDS) {
    const count = Math.floor(rest / size);
    rest %= size;
    if (count > 0) parts.push(interpolate(text(count), { count }, true));
  }
  return parts.slice(0, 2).join(" ");
}
