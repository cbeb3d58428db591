// The review: everything that would leave the machine, item by item, with delete.
import { isMasked } from "../privacy/mask";
import { ask } from "../messages";
import { database, draftOf } from "../storage/db";
import { pack, unpack } from "../storage/packed";
import type { Page, Workflow } from "../workflow";
import { button, byId, make } from "./dom";
import { withoutAddress, withoutInstruction, withoutPointer, withoutStep, withoutText } from "./edit";
import { localize, text } from "./localize";
import { stepText, wordsOf } from "./words";

localize(document);

const id = new URLSearchParams(location.search).get("id") ?? "";
const draft = await draftOf(id);
let workflow: Workflow | null = draft ? await unpack(draft) : null;

async function change(changed: Workflow): Promise<void> {
  if (!draft || !workflow) return;
  workflow = changed;
  await (await database()).put("drafts", { ...draft, ...(await pack(changed)) });
  show();
}

function show(): void {
  byId("gone").hidden = workflow !== null;
  byId("content").hidden = workflow === null;
  if (workflow) tell(workflow);
}

function tell(workflow: Workflow): void {
  byId("task").textContent = workflow.task.name;
  byId("size").textContent = text("size", String(new Blob([JSON.stringify(workflow)]).size));
  byId("instruction").replaceChildren(...instruction(workflow));
  byId("steps").replaceChildren(...workflow.steps.map((step, index) => stepRow(workflow, step, index)));
  byId("pages").replaceChildren(...pages(workflow));
  byId("words").replaceChildren(...words(workflow));
  byId("pointer").replaceChildren(...pointer(workflow));
  byId("raw").textContent = JSON.stringify(workflow, null, 1);
  byId("send").replaceChildren(...sendButtons(workflow));
}

function instruction(workflow: Workflow): (Node | string)[] {
  const said = workflow.task.instruction ?? "";
  if (!said) return [text("no_instruction")];
  const hide = isMasked(said) ? null : button(text("hide"), () => change(withoutInstruction(workflow)), "small");
  return [said, " ", ...(hide ? [hide] : [])];
}

function stepRow(workflow: Workflow, step: Workflow["steps"][number], index: number): Node {
  const remove = button(text("delete_step", String(index + 1)), () => change(withoutStep(workflow, index)), "small danger");
  return make("li", {}, stepText(step, workflow), " ", remove);
}

/** Every page once, whether looked at, held in a frame or gone to. */
function pages(workflow: Workflow): Node[] {
  const seen = workflow.observations.flatMap(({ page, frames }) => [page, ...(frames ?? []).map((frame) => frame.page)]);
  const gone = workflow.steps.map((step) => (step.action === "navigate" ? step.page : null));
  const told = [...seen, ...gone].filter((page) => page !== null && page !== undefined);
  return [...new Map(told.map((page) => [JSON.stringify([page.origin, page.path, page.title]), page])).values()].map(pageRow(workflow));
}

function pageRow(workflow: Workflow): (page: Page) => Node {
  return ({ origin = "", path = "", title = "" }) => {
    const address = origin + path;
    const remove = button(text("hide_text", address), () => change(withoutAddress(workflow, origin, path)), "small");
    const words = `${address} ${title}`.trim();
    return make("li", {}, words || text("the_page"), " ", address ? remove : null);
  };
}

/** Every text once, those that say something first. */
function words(workflow: Workflow): Node[] {
  const elements = workflow.observations.flatMap((observation) => observation.elements);
  const titles = workflow.observations.flatMap(({ page, frames }) => [page?.title ?? "", ...(frames ?? []).map((frame) => frame.page?.title ?? "")]);
  const all = [...new Set([...titles, ...elements.flatMap(wordsOf)])].filter((each) => each && !isMasked(each));
  return all.map((each) => make("li", {}, each, " ", button(text("hide_text", each), () => change(withoutText(workflow, each)), "small")));
}

function pointer(workflow: Workflow): (Node | string)[] {
  const samples = workflow.steps.reduce((sum, step) => sum + (step.pointer?.length ?? 0), 0);
  if (!samples) return [text("no_pointer")];
  return [text("pointer_samples", String(samples)), " ", button(text("delete_pointer"), () => change(withoutPointer(workflow)), "small")];
}

function discarded(): void {
  workflow = null;
  show();
}

function sendButtons(workflow: Workflow): Node[] {
  const send = async () => {
    await ask({ kind: "send", workflow });
    location.assign("history.html");
  };
  const discard = async () => {
    await ask({ kind: "discard", id: workflow.id });
    discarded();
  };
  const sendable = workflow.steps.length > 0;
  return [...(sendable ? [button(text("send"), send, "primary")] : []), button(text("discard"), discard, "danger")];
}

show();
