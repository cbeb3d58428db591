// Drafts of proposals: from a template's form to what the API takes, and to the wallet.
import { parseEther, type Abi, type Hex } from "viem";
import { abi as governorAbi } from "../../contracts/abi/LAMGovernor.json";
import { api } from "./api";
import { attribute, value, type Run } from "./forms";
import { pageData, site, UserError } from "./site";
import { transact } from "./transactions";
import { _ } from "./words";

interface Draft {
  targets: Hex[];
  values: string[];
  calldatas: Hex[];
  description: string;
}

const MILLISECONDS = 1000;
// How the text of a field becomes what the API takes; all others go as they are.
const READERS: Record<string, (text: string) => [string, unknown]> = {
  effective_epoch: (text) => ["effective_epoch", Number(text)],
  amount: (text) => ["amount_wei", weiOf(text).toString()],
  not_after: (text) => ["not_after", Math.floor(Date.parse(`${text}Z`) / MILLISECONDS)],
  calls: (text) => ["calls", text.split("\n").filter((line) => line.trim() !== "").map(callOf)],
};
const TEXT = new Set(["title", "body", "shared", "csrfmiddlewaretoken"]);

/** An amount with up to 18 decimals in wei. Throws UserError. */
export function weiOf(text: string): bigint {
  if (!/^\d+(\.\d{1,18})?$/.test(text)) throw new UserError(_("%(text)s is not an amount.", { text }));
  return parseEther(text);
}

function callOf(line: string): { target: string; value_wei: string; calldata: string } {
  const [target = "", value_wei = "0", calldata = "0x"] = line.trim().split(/\s+/);
  return { target, value_wei, calldata };
}

function templateFields({ values }: Run): Record<string, unknown> {
  const fields = [...values.entries()].filter(([name]) => !TEXT.has(name));
  return Object.fromEntries(
    fields.map(([name, text]) => READERS[name]?.(String(text).trim()) ?? [name, String(text).trim()]),
  );
}

/** Keep the form's draft, a new one or the page's. */
export async function saveDraft(run: Run): Promise<void> {
  const known = run.form.dataset.draft;
  const saved = await api<{ id: string }>(
    known ? "PUT" : "POST",
    known ? `proposal-drafts/${known}` : "proposal-drafts",
    {
      template: attribute(run.form, "template"),
      proposer: site.address,
      title: value(run, "title"),
      body: value(run, "body"),
      shared: value(run, "shared") === "1",
      ...templateFields(run),
    },
  );
  location.assign(`/proposals/drafts/${saved.id}`);
}

/** Delete the page's draft. */
export async function deleteDraft({ form }: Run): Promise<void> {
  await api("DELETE", `proposal-drafts/${attribute(form, "draft")}`);
  location.assign("/proposals/drafts/");
}

/** Propose the page's draft from the wallet. */
export async function proposeDraft(run: Run): Promise<void> {
  const draft = pageData<Draft>("draft");
  await transact(run, _("Proposal"), {
    contract: "LAMGovernor",
    abi: governorAbi as Abi,
    functionName: "propose",
    args: [draft.targets, draft.values.map(BigInt), draft.calldatas, draft.description],
  });
  location.assign("/proposals/");
}

/** Fill date fields, which the server gives in seconds, so that they can be edited in UTC. */
export function fillDates(): void {
  for (const field of document.querySelectorAll<HTMLInputElement>("input[data-seconds]")) {
    const seconds = Number(field.dataset.seconds);
    if (seconds) field.value = new Date(seconds * MILLISECONDS).toISOString().slice(0, 16);
  }
}
