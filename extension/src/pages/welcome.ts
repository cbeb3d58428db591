// The first page: what is recorded and what is not, and the choice. Nothing is recorded before it.
import { store, stored } from "../storage/settings";
import { byId } from "./dom";
import { localize, text } from "./localize";

localize(document);

async function show(): Promise<void> {
  const { consent } = await stored("consent");
  byId("agreed").textContent = consent ? text("agreed") : text("not_agreed_yet");
  byId<HTMLInputElement>("pointer").checked = consent?.pointer ?? false;
  byId("withdraw").hidden = !consent;
}

byId("consent").addEventListener("submit", (event) => {
  event.preventDefault();
  const pointer = byId<HTMLInputElement>("pointer").checked;
  void store({ consent: { agreedAt: Date.now(), pointer } }).then(show);
});
byId("withdraw").addEventListener("click", () => {
  void chrome.runtime
    .sendMessage({ kind: "stop" })
    .then(() => store({ consent: null }))
    .then(show);
});
await show();
