// The review: everything that would leave the machine, item by item, with delete.
import { isMasked } from "../privacy/mask";
import { ask } from "../messages";
import { database, type Draft } from "../storage/db";
import type { Workflow } from "../workflow";
import { button, byId, make } from "./dom";
import { withoutInstruction, withoutPointer, withoutStep, withoutText } from "./edit";
import { localize, text } from "./localize";
import { stepText, wordsOf } from "./words";

localize(document);

const id = new URLSearchParams(location.search).get("id") ?? "";
let draft: Draft | undefined = await (await database()).get("drafts", id);

async function change(workflow: Workflow): Promise<void> {
  if (!draft) return;
  draft = { ...draft, workflow };
  await (await database()).put("drafts", draft);
  show();
}

function show(): void {
  byId("gone").hidden = draft !== undefined;
  byId("content").hidden = draft === undefined;
  if (!draft) return;
  const { workflow } = draft;
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

function pages(workflow: Workflow): Node[] {
  const told = workflow.observations.flatMap(({ page, frames }) => [page, ...(frames ?? []).map((frame) => frame.page)]);
  const all = told.map((page) => `${page?.origin ?? ""}${page?.path ?? ""} ${page?.title ?? ""}`.trim());
  return [...new Set(all)].map((page) => make("li", {}, page || text("the_page")));
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

function sendButtons(workflow: Workflow): Node[] {
  const send = async () => {
    await ask({ kind: "send", workflow });
    location.assign("history.html");
  };
  const discard = async () => {
    await ask({ kind: "discard", id: workflow.id });
    draft = undefined;
    show();
  };
  const sendable = workflow.steps.length > 0;
  return [...(sendable ? [button(text("send"), send, "primary")] : []), button(text("discard"), discard, "danger")];
}

show();
