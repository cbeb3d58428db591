// The popup: what is being recorded, what waits, and what to do next.
import type { Status } from "../background/status";
import { ask } from "../messages";
import { button, byId, make } from "./dom";
import { localize, nameOf, text } from "./localize";

localize(document);

const parameters = (): Record<string, string> => {
  const lines = byId<HTMLTextAreaElement>("parameters").value.split("\n");
  const pairs = lines.map((line) => line.split(/=(.*)/s).map((part) => part?.trim() ?? ""));
  return Object.fromEntries(pairs.filter(([name, value]) => name && value).map(([name, value]) => [name, value]));
};

async function address(): Promise<string> {
  const given = new URLSearchParams(location.search).get("address");
  const [tab] = await chrome.tabs.query({ active: true, lastFocusedWindow: true });
  return given ?? tab?.url ?? "";
}

async function act(message: Record<string, unknown> & { kind: string }): Promise<void> {
  await ask(message);
  await show();
}

async function show(): Promise<void> {
  const status = await ask<Status>({ kind: "status", address: await address() });
  byId("state").textContent = stateText(status);
  byId("trouble").replaceChildren(...troubles(status));
  byId("controls").replaceChildren(...controls(status));
  byId("new").hidden = !status.agreed || status.active !== null;
  byId("site").replaceChildren(...site(status));
  byId("drafts").replaceChildren(...drafts(status));
  byId("pairing").replaceChildren(...pairing(status));
}

function stateText({ active, agreed }: Status): string {
  if (!agreed) return text("state_not_agreed");
  if (!active) return text("state_off");
  if (active.paused) return text("state_paused");
  return active.mode === "task" ? text("state_recording_task", active.name) : text("state_background");
}

function troubles({ trouble, refused, waiting }: Status): Node[] {
  const said = trouble === "none" || (trouble === "unpaired" && !waiting) ? [] : [make("p", { class: "error" }, text(`trouble_${trouble.replace("-", "_")}`))];
  const each = refused.map(({ id, task, refusal }) =>
    make(
      "p",
      { class: "error" },
      text("refused", task, refusal),
      " ",
      button(text("look_again"), async () => {
        await ask({ kind: "take-back", id });
        await chrome.tabs.create({ url: `review.html?id=${id}` });
      }, "small"),
    ),
  );
  const retry = waiting ? [make("p", {}, text("waiting", String(waiting)), " ", button(text("try_now"), () => act({ kind: "retry" }), "small"))] : [];
  return [...said, ...each, ...retry];
}

function controls({ active, agreed }: Status): Node[] {
  if (!agreed) return [button(text("read_and_agree"), async () => void (await chrome.tabs.create({ url: "welcome.html" })))];
  if (!active) return [];
  const pause = active.paused
    ? button(text("resume"), () => act({ kind: "resume" }))
    : button(text("pause"), () => act({ kind: "pause" }));
  return [button(text("stop"), finish, "primary"), pause];
}

async function finish(): Promise<void> {
  const id = await ask<string | null>({ kind: "stop" });
  if (id) await chrome.tabs.create({ url: `review.html?id=${id}` });
  await show();
}

function site({ site: found, agreed }: Status): Node[] {
  if (!found || !agreed) return [];
  if (found.blocked) return [make("p", {}, text("site_blocked", found.domain, nameOf("category", found.blocked)))];
  const { address: here, domain, allowed } = found;
  const allow = allowed
    ? make("p", {}, text("site_allowed", domain))
    : button(text("allow_site", domain), () => act({ kind: "allow-site", address: here }), "small");
  return [allow, button(text("block_site", domain), () => act({ kind: "block-site", address: here }), "small")];
}

function drafts({ drafts: found }: Status): Node[] {
  if (!found.length) return [];
  const rows = found.map(({ id, task, steps }) =>
    make("li", {}, make("a", { href: `review.html?id=${id}`, target: "_blank" }, text("draft", task, String(steps)))),
  );
  return [make("h2", {}, text("to_review")), make("ul", {}, ...rows)];
}

function pairing({ paired, device }: Status): Node[] {
  if (paired) return [make("p", {}, text("paired_as", device)), button(text("unpair"), () => act({ kind: "unpair" }), "small")];
  return [make("p", {}, text("not_paired")), button(text("pair"), () => act({ kind: "pair", label: navigator.userAgent.includes("Android") ? "Android" : `Chromium, ${navigator.platform}` }))];
}

byId("start-task").addEventListener("submit", (event) => {
  event.preventDefault();
  const name = byId<HTMLInputElement>("name").value.trim();
  const instruction = byId<HTMLTextAreaElement>("instruction").value.trim();
  void act({ kind: "start", name, instruction, parameters: parameters() });
});
byId("start-background").addEventListener("click", () => void act({ kind: "start-background" }));
// The page that is looked at now is the one to repeat on.
const [looked] = await chrome.tabs.query({ active: true, lastFocusedWindow: true });
if (looked?.id !== undefined) byId<HTMLAnchorElement>("repeat").href = `repeat.html?tab=${looked.id}`;
chrome.storage.onChanged.addListener(() => void show());
await show();
