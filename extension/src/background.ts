// The service worker. Chromium ends it at any moment: listeners are registered while it loads,
// and everything it knows is in IndexedDB or chrome.storage.
import { answer, listen } from "./messages";
import { database } from "./storage/db";

answer("status", async () => {
  const open = await database();
  return { recordings: await open.count("recordings"), queued: await open.count("outbox") };
});
listen();
