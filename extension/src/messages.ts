// What the parts of the extension say to each other. Every part that answers registers its kinds
// with `answer`; the service worker dies at any moment, so handlers keep nothing in memory that is
// not stored as well.

export interface Message {
  kind: string;
}

export type Handler<M extends Message, R> = (
  message: M,
  sender: chrome.runtime.MessageSender,
) => Promise<R>;

type Answer<R> = { ok: true; value: R } | { ok: false; error: string };

const handlers = new Map<string, Handler<never, unknown>>();

/** Answer messages of a kind; to be called while the script loads. */
export function answer<M extends Message, R>(kind: M["kind"], handler: Handler<M, R>): void {
  handlers.set(kind, handler as Handler<never, unknown>);
}

/** Start answering; call once, while the script loads, after every `answer`. Returns its end. */
export function listen(): () => void {
  const heard = (
    message: Message,
    sender: chrome.runtime.MessageSender,
    respond: (reply: Answer<unknown>) => void,
  ): boolean => {
    const handler = handlers.get(message.kind);
    if (!handler || sender.id !== chrome.runtime.id) return false;
    void handler(message as never, sender)
      .then((value): Answer<unknown> => ({ ok: true, value }))
      .catch((error: unknown): Answer<unknown> => ({ ok: false, error: String(error) }))
      .then(respond);
    return true; // the answer comes later
  };
  chrome.runtime.onMessage.addListener(heard);
  return () => chrome.runtime.onMessage.removeListener(heard);
}

/** Ask the service worker. Throws what its handler threw, as text. */
export async function ask<R>(message: Message & Record<string, unknown>): Promise<R> {
  return unwrap(await chrome.runtime.sendMessage<unknown, Answer<R>>(message));
}

/** Ask the content script in the top frame of a tab. */
export async function askTab<R>(
  tab: number,
  message: Message & Record<string, unknown>,
): Promise<R> {
  return unwrap(await chrome.tabs.sendMessage<unknown, Answer<R>>(tab, message, { frameId: 0 }));
}

function unwrap<R>(reply: Answer<R> | undefined): R {
  if (reply === undefined) throw new Error("Nobody answered.");
  if (!reply.ok) throw new Error(reply.error);
  return reply.value;
}
