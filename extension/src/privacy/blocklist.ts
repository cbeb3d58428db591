// Sites that are never recorded: the list that ships with the extension, what the service added
// to it since, and what the person blocked.
import shipped from "list:blocked";
import { stored } from "../storage/settings";

const SHIPPED = new Map(Object.entries(shipped));

/** The category under which a host is blocked; undefined when it is not. */
export function categoryIn(host: string, domains: ReadonlyMap<string, string>): string | undefined {
  const labels = host.toLowerCase().replace(/\.$/, "").split(".");
  for (let first = 0; first < labels.length; first += 1) {
    const found = domains.get(labels.slice(first).join("."));
    if (found) return found;
  }
  return undefined;
}

/** The category of an address under all lists; pages that are no web pages are blocked too. */
export async function blockedCategory(address: string): Promise<string | undefined> {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (!url || !/^https?:$/.test(url.protocol)) return "not a web page";
  const { blockedByService, blockedByPerson } = await stored("blockedByService", "blockedByPerson");
  return (
    categoryIn(url.hostname, SHIPPED) ??
    categoryIn(url.hostname, new Map(Object.entries(blockedByService))) ??
    categoryIn(url.hostname, new Map(blockedByPerson.map((domain) => [domain, "blocked by you"])))
  );
}
