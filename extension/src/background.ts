// The service worker. Chromium ends it at any moment: listeners are registered while it loads,
// and everything it knows is in IndexedDB or chrome.storage.
import { registerBlocklist } from "./background/blocklist";
import { registerDelivery } from "./background/delivery";
import { registerHistory } from "./background/history";
import { registerPairing } from "./background/pairing";
import { registerRecording } from "./background/recording";
import { registerStatus } from "./background/status";
import { listen } from "./messages";
import { registerRepeat } from "./repeat/background";

registerPairing();
registerRecording();
registerDelivery();
registerHistory();
registerBlocklist();
registerStatus();
registerRepeat();
listen();
chrome.runtime.onInstalled.addListener(({ reason }) => {
  if (reason === "install") void chrome.tabs.create({ url: "welcome.html" });
});
