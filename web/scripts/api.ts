// Calls of /api/v1/ with the session and its CSRF token; errors are RFC 9457 problem details.
import { _ } from "./words";

export interface FieldError {
  pointer: string;
  detail: string;
}

interface ProblemDocument {
  title?: string;
  detail?: string;
  errors?: FieldError[];
}

/** An answer that is not a success; `errors` name fields by JSON pointer. */
export class Problem extends Error {
  readonly errors: FieldError[];

  constructor(
    readonly status: number,
    document: ProblemDocument,
  ) {
    super(document.detail ?? document.title ?? _("The server answered %(status)s.", { status }));
    this.errors = document.errors ?? [];
  }
}

function csrfToken(): string {
  return document.querySelector<HTMLMetaElement>('meta[name="csrf-token"]')?.content ?? "";
}

/** Call an endpoint, e.g. `api("POST", "votes/relay", {...})`. Throws Problem. */
export async function api<T>(method: string, path: string, body?: unknown): Promise<T> {
  const response = await fetch(`/api/v1/${path}`, {
    method,
    headers: {
      Accept: "application/json",
      "X-CSRFToken": csrfToken(),
      ...(body === undefined ? {} : { "Content-Type": "application/json" }),
    },
    body: body === undefined ? null : JSON.stringify(body),
  });
  const text = await response.text();
  const isJson = /[/+]json/.test(response.headers.get("Content-Type") ?? "");
  const value: unknown = isJson && text ? JSON.parse(text) : {};
  if (!response.ok) throw new Problem(response.status, value as ProblemDocument);
  return value as T;
}
