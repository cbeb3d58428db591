// Choose a recording of one's own or a published automation, give its values, and run it in a tab.
import { isMasked } from "../anchors/describe";
import { call, problemText } from "../background/service";
import { ask } from "../messages";
import { automationOf, type Automation } from "../repeat/automation";
import type { Run } from "../repeat/run";
import { stepText } from "../repeat/words";
import { missingValues, valuesFrom, type Values } from "../repeat/values";
import { database, drafts, outgoing } from "../storage/db";
import { unpack } from "../storage/packed";
import { store, stored } from "../storage/settings";
import type { Workflow } from "../workflow";
import { button, byId, make } from "./dom";
import { localize, text } from "./localize";

localize(document);

interface Published {
  id: number;
  title: string;
  description: string;
  actions: number;
}

interface Chosen {
  title: string;
  description: string;
  published: Run["published"];
  automation: Automation;
}

const LONGEST_LIST = 100;
const instruction = byId<HTMLTextAreaElement>("instruction");
const asksModel = byId<HTMLInputElement>("asks-model");
let chosen: Chosen | null = null;

/** What is on this device, and what was sent: that is fetched back when it is chosen. */
async function showOwn(): Promise<void> {
  const open = await database();
  const here = [...(await drafts()), ...(await outgoing())];
  const sent = await open.getAllFromIndex("sent", "sentAt");
  const rows = [
    ...here.map((each) => row(each.task, async () => choose(own(each.task, await unpack(each))))),
    ...sent
      .reverse()
      .slice(0, LONGEST_LIST)
      .filter(({ state }) => state !== "withdrawn")
      .map(({ id, task }) => row(task, async () => choose(own(task, await fetched(`workflows/${id}/content`))))),
  ];
  byId("own").replaceChildren(...(rows.length ? rows : [make("li", {}, text("none_yet"))]));
}

async function showPublished(): Promise<void> {
  const { status, body } = await call("GET", "automations");
  const found = status === 200 ? ((body as { results?: Published[] }).results ?? []) : [];
  const rows = found.map((each) =>
    row(each.title, async () => {
      const workflow = await fetched(`automations/${each.id}/recipe`);
      const published = { automation: each.id, actions: each.actions };
      choose({ title: each.title, description: each.description, published, automation: automationOf(workflow) });
    }),
  );
  const none = status === 200 ? text("none_yet") : text("repeat_unreachable");
  byId("published").replaceChildren(...(rows.length ? rows : [make("li", {}, none)]));
}

function row(title: string, act: () => Promise<void> | void): Node {
  return make("li", {}, title, " ", button(text("repeat_choose", title), async () => act(), "small"));
}

function own(title: string, workflow: Workflow): Chosen {
  return { title, description: "", published: null, automation: automationOf(workflow) };
}

/** Throws what the service has against it. */
async function fetched(path: string): Promise<Workflow> {
  const { status, body } = await call("GET", path);
  if (status !== 200) throw new Error(problemText(body) || text("repeat_unreachable"));
  return body as Workflow;
}

function choose(what: Chosen): void {
  chosen = what;
  const { automation } = what;
  byId("run").hidden = false;
  byId("title").textContent = what.title;
  byId("description").textContent = what.description;
  instruction.value = automation.instruction;
  byId("values").replaceChildren(...automation.parameters.flatMap(({ name, example }) => field(name, example)));
  byId("steps").replaceChildren(...automation.steps.map((step) => make("li", {}, stepText(step))));
  byId("trouble").textContent = "";
  instruction.focus();
}

function field(name: string, example: string): Node[] {
  const id = `value-${name}`;
  const input = make("input", { id, name, required: true, autocomplete: "off" }) as HTMLInputElement;
  // What was masked was never kept: it must be given.
  input.value = isMasked(example) ? "" : example;
  return [make("label", { for: id }, name), input];
}

/** An instruction of the recorded form fills in the values. */
function readInstruction(): void {
  const found = chosen && valuesFrom(chosen.automation, instruction.value);
  for (const [name, value] of Object.entries(found ?? {})) byId<HTMLInputElement>(`value-${name}`).value = value;
}

function values(): Values {
  const inputs = [...byId("values").querySelectorAll("input")];
  return Object.fromEntries(inputs.map(({ name, value }) => [name, value]));
}

async function showTabs(): Promise<void> {
  const tabs = (await chrome.tabs.query({})).filter(({ url, incognito }) => !incognito && /^https?:/.test(url ?? ""));
  const wanted = new URLSearchParams(location.search).get("tab");
  const options = tabs.map(({ id, title, url }) => {
    const option = make("option", { value: String(id) }, title || url || "") as HTMLOptionElement;
    option.selected = String(id) === wanted;
    return option;
  });
  byId("tab").replaceChildren(...options);
}

async function start(): Promise<void> {
  if (!chosen) return;
  const { automation, title, published } = chosen;
  const missing = missingValues(automation, values());
  if (missing.length) throw new Error(text("repeat_missing", missing.join(", ")));
  const run = {
    id: crypto.randomUUID(),
    tab: Number(byId<HTMLSelectElement>("tab").value),
    title,
    published,
    instruction: instruction.value,
    asks: asksModel.checked,
    values: values(),
    steps: automation.steps,
  };
  await ask({ kind: "repeat-start", run });
}

async function showState(): Promise<void> {
  const run = await ask<Run | null>({ kind: "repeat-state" });
  const { repeatRefusal } = await chrome.storage.session.get<{ repeatRefusal?: string }>("repeatRefusal");
  byId("state").textContent = !run
    ? ""
    : run.end
      ? `${run.title}: ${text(`repeat_end_${run.end.how.replaceAll("-", "_")}`)} ${repeatRefusal ?? ""}`
      : text("repeating", run.title);
  const taken = run?.taken.map(({ step, by }) => make("li", {}, text(by === "model" ? "repeat_by_model" : "repeat_by_anchors", step)));
  byId("taken").replaceChildren(...(taken ?? []));
}

async function showChoice(): Promise<void> {
  const { asksModel: chosenBefore, service } = await stored("asksModel", "service");
  asksModel.checked = chosenBefore;
  byId("asks-model-hint").textContent = text("repeat_asks_model_hint", service);
}

instruction.addEventListener("input", readInstruction);
asksModel.addEventListener("change", () => void store({ asksModel: asksModel.checked }));
byId("run").addEventListener("submit", (event) => {
  event.preventDefault();
  byId("trouble").textContent = "";
  void start().catch((error: unknown) => {
    byId("trouble").textContent = error instanceof Error ? error.message : String(error);
  });
});
chrome.storage.session.onChanged.addListener(() => void showState());
await Promise.all([showOwn(), showPublished(), showTabs(), showState(), showChoice()]);
