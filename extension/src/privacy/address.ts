// What of an address may leave the machine: the site, and the words of the path.
import { getDomain, getHostname } from "tldts";
import type { Page } from "../workflow";
import { redact, redactToken } from "./redact";

const LONGEST_PATH = 2_000;
const LONGEST_ORIGIN = 300;

/** The registrable domain of a host (by the public suffix list, private ones included). */
export function registrableDomain(host: string): string {
  return getDomain(host, { allowPrivateDomains: true }) ?? host;
}

/** A page without query and fragment; of host, path and title only common words are readable. */
export function pageOf(address: string, title: string): Page {
  const url = parse(address);
  if (!url) return { title: redact(title) };
  return { origin: originOf(url), path: pathOf(url), title: redact(title) };
}

function parse(address: string): URL | undefined {
  try {
    return new URL(address);
  } catch {
    return undefined;
  }
}

function originOf(url: URL): string {
  if (!/^https?:$/.test(url.protocol)) return `${url.protocol}//`;
  const host = getHostname(url.hostname) ?? url.hostname;
  const domain = registrableDomain(host);
  const below = host.slice(0, -domain.length).split(".").filter(Boolean);
  // Labels may be somebody's name; a masked label would be no host.
  const plain = below.filter((label) => redactToken(label) === label);
  const port = url.port ? `:${url.port}` : "";
  return `${url.protocol}//${[...plain, domain].join(".")}${port}`.slice(0, LONGEST_ORIGIN);
}

function pathOf(url: URL): string {
  const parts = url.pathname.split("/").map((part) => redactToken(decoded(part)));
  return parts.join("/").slice(0, LONGEST_PATH);
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
