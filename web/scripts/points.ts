// Claiming LAM with one's own wallet or through the relayer, and delegating its votes.
import { getAddress, isAddress, type Abi, type Hash } from "viem";
import { abi as distributorAbi } from "../../contracts/abi/RewardsDistributor.json";
import { abi as tokenAbi } from "../../contracts/abi/LAMToken.json";
import { api } from "./api";
import { attribute, value, type Run } from "./forms";
import { site, UserError } from "./site";
import { signTypedData, type TypedData } from "./signing";
import { transact } from "./transactions";
import { _ } from "./words";

interface Proof {
  cumulative_wei: string;
  root: Hash;
  proof: Hash[];
}

/** Send `claimOwn` from the wallet of the account itself. */
export async function claimOwn(run: Run): Promise<void> {
  run.say(_("Fetching your proof…"));
  const proof = await api<Proof>("GET", `epochs/${attribute(run.form, "epoch")}/proof`);
  await transact(run, _("Claim"), {
    contract: "RewardsDistributor",
    abi: distributorAbi as Abi,
    functionName: "claimOwn",
    args: [BigInt(proof.cumulative_wei), proof.root, proof.proof],
  });
}

/** Sign a claim; the relayer sends it and pays the gas. */
export async function claimRelayed(run: Run): Promise<void> {
  const asked = { account: site.address, recipient: site.address };
  const typedData = await api<TypedData>("POST", "claims/typed-data", asked);
  const signature = await signTypedData(run, typedData);
  run.say(_("Handing your signature to the relayer…"));
  await api("POST", "claims/relay", { ...typedData.message, signature });
  location.reload();
}

/** Delegate the votes of one's LAM to an address; oneself when the field is left empty. */
export async function delegate(run: Run): Promise<void> {
  const typed = value(run, "delegatee") || site.address;
  if (!isAddress(typed, { strict: false })) throw new UserError(_("%(text)s is not an address.", { text: typed }));
  await transact(run, _("Delegation"), {
    contract: "LAMToken",
    abi: tokenAbi as Abi,
    functionName: "delegate",
    args: [getAddress(typed)],
  });
}
