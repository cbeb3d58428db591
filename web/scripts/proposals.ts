// Voting, proposing, queueing and executing.
import type { Abi, Hex } from "viem";
import { abi as governorAbi } from "../../contracts/abi/LAMGovernor.json";
import { api } from "./api";
import { attribute, value, type Run } from "./forms";
import { policyOf } from "./policy";
import { signTypedData, type TypedData } from "./signing";
import { pageData, site } from "./site";
import { transact } from "./transactions";

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

/** Cast a vote by transaction, with its reason when there is one. */
export async function vote(run: Run): Promise<void> {
  const reason = value(run, "reason");
  const common = [BigInt(attribute(run.form, "proposal")), Number(value(run, "support"))];
  await transact(run, "Vote", {
    ...governor,
    functionName: reason ? "castVoteWithReason" : "castVote",
    args: reason ? [...common, reason] : common,
  });
}

/** Sign a vote; the relayer sends it and pays the gas. */
export async function voteRelayed(run: Run): Promise<void> {
  const ballot = {
    proposal: attribute(run.form, "proposal"),
    support: Number(value(run, "support")),
    reason: value(run, "reason"),
    voter: site.address,
  };
  const asked = await api<{ typed_data: TypedData }>("POST", "votes/typed-data", ballot);
  const signature = await signTypedData(run, asked.typed_data);
  run.say("Handing your signature to the relayer…");
  await api("POST", "votes/relay", { ...ballot, signature });
  location.reload();
}

/** Queue or execute a proposal that is due; anyone may. */
export async function advance(run: Run): Promise<void> {
  const proposal = pageData<Proposal>("proposal");
  const functionName = attribute(run.form, "step");
  await transact(run, functionName === "queue" ? "Queue" : "Execute", {
    ...governor,
    functionName,
    args: [...callArguments(proposal), proposal.description_hash],
  });
}

/** Make the form's policy known to the service, then propose its adoption from the wallet. */
export async function proposePolicy(run: Run): Promise<void> {
  run.say("Registering the policy document…");
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
  await transact(run, "Proposal", {
    ...governor,
    functionName: "propose",
    args: [...callArguments(call), call.description],
  });
  location.assign("/proposals/");
}
