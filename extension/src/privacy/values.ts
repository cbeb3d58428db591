// The values that a person gives to a run: they stay on the device, wherever else they stand.
import { mask } from "./mask";

/** Whole words of a text that are one of some values masked, whatever their case. */
export function hiding(values: readonly string[]): (text: string, redacted: string) => string {
  const kept = [...new Set(values.map((value) => value.trim()).filter(Boolean))];
  if (!kept.length) return (_, redacted) => redacted;
  kept.sort((one, other) => other.length - one.length);
  const any = kept.map((value) => value.replace(/[.*+?^${}()|[\]\\/-]/g, "\\$&").replace(/\s+/g, "\\s+")).join("|");
  const pattern = new RegExp(`(?<![\\p{L}\\p{N}])(?:${any})(?![\\p{L}\\p{N}])`, "giu");
  return (text, redacted) => {
    const points = [...text];
    const hidden = [...text.replace(pattern, (found) => mask(found))];
    return [...redacted].map((shown, at) => (hidden[at] === points[at] ? shown : hidden[at])).join("");
  };
}
