// Voting, proposing, queueing and executing.
import type { Abi, Hex } from "viem";
import { abi as governorAbi } from "../../contracts/abi/LAMGovernor.json";
import { api } from "./api";
import { COUNTDOWNS, secondsLeft } from "./countdowns";
import { weiOf } from "./drafts";
import { attribute, value, type Run } from "./forms";
import { policyOf } from "./policy";
import { pageNow, repeat } from "./renewal";
import { signTypedData, type TypedData } from "./signing";
import { pageData, site, UserError } from "./site";
import { transact } from "./transactions";
import { _ } from "./words";

interface ProposalCall {
  targets: Hex[];
  values: string[];
  calldatas: Hex[];
}

interface Proposal extends ProposalCall {
  description_hash: Hex;
}

const governor = { contract: "LAMGovernor", abi: governorAbi as Abi } as const;

function callArguments({ targets, values, calldatas }: ProposalCall): unknown[] {
  return [targets, values.map(BigInt), calldatas];
}

interface Split {
  against_wei: string;
  for_wei: string;
  abstain_wei: string;
}

const ASK_MILLISECONDS = 3000;
const SPLIT = 255;
const WORD_DIGITS = 32;

/** The parts of a split vote; null when the fields for them are empty. */
function splitOf(run: Run): Split | null {
  const parts = ["against_lam", "for_lam", "abstain_lam"].map((name) => weiOf(value(run, name) || "0"));
  if (parts.every((wei) => wei === 0n)) return null;
  const [against_wei = "0", for_wei = "0", abstain_wei = "0"] = parts.map(String);
  return { against_wei, for_wei, abstain_wei };
}

/** Three packed uint128, as OpenZeppelin's fractional counting takes them. */
function packed({ against_wei, for_wei, abstain_wei }: Split): Hex {
  const words = [against_wei, for_wei, abstain_wei].map((wei) => BigInt(wei).toString(16));
  return `0x${words.map((word) => word.padStart(WORD_DIGITS, "0")).join("")}`;
}

function supportOf(run: Run): number {
  const chosen = value(run, "support");
  if (!chosen) throw new UserError(_("Choose for, against or abstain, or split your votes."));
  return Number(chosen);
}

/** Cast a vote by transaction, with its reason and its parts when there are any. */
export async function vote(run: Run): Promise<void> {
  const proposal = BigInt(attribute(run.form, "proposal"));
  const reason = value(run, "reason");
  const split = splitOf(run);
  const call = split
    ? ["castVoteWithReasonAndParams", [proposal, SPLIT, reason, packed(split)]]
    : reason
      ? ["castVoteWithReason", [proposal, supportOf(run), reason]]
      : ["castVote", [proposal, supportOf(run)]];
  const [functionName, args] = call as [string, unknown[]];
  await transact(run, _("Vote"), { ...governor, functionName, args });
}

/** Sign a vote; the relayer sends it and pays the gas. */
export async function voteRelayed(run: Run): Promise<void> {
  const split = splitOf(run);
  const ballot = {
    proposal: attribute(run.form, "proposal"),
    reason: value(run, "reason"),
    voter: site.address,
    ...(split ? { support: SPLIT, split } : { support: supportOf(run) }),
  };
  const asked = await api<{ typed_data: TypedData }>("POST", "votes/typed-data", ballot);
  const signature = await signTypedData(run, asked.typed_data);
  run.say(_("Handing your signature to the relayer…"));
  await api("POST", "votes/relay", { ...ballot, signature });
  location.reload();
}

/** Queue or execute a proposal that is due; anyone may. */
export async function advance(run: Run): Promise<void> {
  const proposal = pageData<Proposal>("proposal");
  const functionName = attribute(run.form, "step");
  await transact(run, functionName === "queue" ? _("Queue") : _("Execute"), {
    ...governor,
    functionName,
    args: [...callArguments(proposal), proposal.description_hash],
  });
}

/** Make the form's policy known to the service, then propose its adoption from the wallet. */
export async function proposePolicy(run: Run): Promise<void> {
  run.say(_("Registering the policy document…"));
  const { hash } = await api<{ hash: Hex }>("POST", "policies", {
    kind: "reward_policy",
    document: policyOf(value(run, "document")),
  });
  const call = await api<ProposalCall & { description: string }>("POST", "proposals/calldata", {
    template: "reward_policy",
    proposer: site.address,
    document_hash: hash,
    effective_epoch: Number(value(run, "effective_epoch")),
    title: value(run, "title"),
    body: value(run, "body"),
  });
  await transact(run, _("Proposal"), {
    ...governor,
    functionName: "propose",
    args: [...callArguments(call), call.description],
  });
  location.assign("/proposals/");
}

/** Once voting is over by the countdown, show how it ended as soon as final blocks say so. */
export function followProposal(wire: (part: HTMLElement) => void): void {
  const [state, vote] = [document.getElementById("state"), document.getElementById("vote")];
  if (!state || !vote) return;
  repeat(async () => {
    if ((secondsLeft(vote.querySelector<HTMLElement>(COUNTDOWNS)) ?? 1) > 0) return;
    const page = await pageNow();
    const [ended, fresh] = [page?.getElementById("state"), page?.getElementById("vote")];
    if (!ended || !fresh || ended.textContent === state.textContent) return;
    state.className = ended.className;
    state.textContent = ended.textContent;
    vote.replaceChildren(...fresh.childNodes);
    wire(vote);
  }, ASK_MILLISECONDS);
}
