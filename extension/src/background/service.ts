// Calls of the service's API with the token of this device.
import { stored } from "../storage/settings";

const PATIENCE_MS = 60_000;

/** What the service answered, or that it could not be reached (status 0). */
export interface Reply {
  status: number;
  /** Parsed JSON; null for anything else. */
  body: unknown;
  retryAfterSeconds: number;
}

/** Call the service, e.g. `call("POST", "workflows", {...})`. Never throws. */
export function call(method: string, path: string, body?: unknown): Promise<Reply> {
  return exchange(method, path, body === undefined ? undefined : JSON.stringify(body), {});
}

/** Send compressed JSON, to an address that takes it so. Never throws. */
export function sendPacked(path: string, body: ArrayBuffer): Promise<Reply> {
  return exchange("POST", path, body, { "Content-Encoding": "gzip" });
}

async function exchange(
  method: string,
  path: string,
  body: BodyInit | undefined,
  extra: Record<string, string>,
): Promise<Reply> {
  const { service, token } = await stored("service", "token");
  try {
    const response = await fetch(`${service}/api/v1/${path}`, {
      method,
      credentials: "omit",
      cache: "no-store",
      redirect: "error",
      signal: AbortSignal.timeout(PATIENCE_MS),
      headers: { ...headers(token), ...(body === undefined ? {} : { "Content-Type": "application/json" }), ...extra },
      ...(body === undefined ? {} : { body }),
    });
    return {
      status: response.status,
      body: await parsed(response),
      retryAfterSeconds: Number(response.headers.get("Retry-After")) || 0,
    };
  } catch {
    return { status: 0, body: null, retryAfterSeconds: 0 };
  }
}

function headers(token: string): Record<string, string> {
  return { Accept: "application/json", ...(token ? { Authorization: `Bearer ${token}` } : {}) };
}

async function parsed(response: Response): Promise<unknown> {
  try {
    return JSON.parse(await response.text());
  } catch {
    return null;
  }
}

/** What a problem document (RFC 9457) says, in one line. */
export function problemText(body: unknown): string {
  const problem = body as { detail?: string; title?: string; errors?: { pointer: string; detail: string }[] } | null;
  const first = problem?.errors?.[0];
  return first ? `${first.pointer}: ${first.detail}` : (problem?.detail ?? problem?.title ?? "");
}
