// Showing what the server has by now, without loading the page anew.

/** This page as the server makes it now; null when it cannot be had. */
export async function pageNow(): Promise<Document | null> {
  const response = await fetch(location.href).catch(() => null);
  if (!response?.ok) return null;
  return new DOMParser().parseFromString(await response.text(), "text/html");
}

/** Do something again and again, never twice at a time. */
export function repeat(action: () => Promise<void>, milliseconds: number): void {
  let isRunning = false;
  setInterval(() => {
    if (isRunning) return;
    isRunning = true;
    void action().finally(() => (isRunning = false));
  }, milliseconds);
}
