// Sending a contract call with the person's wallet: checked first, sent, waited for, remembered.
import type { Abi, Hash, TransactionReceipt } from "viem";
import type { Run } from "./forms";
import { remember } from "./pending";
import { contractAddress, UserError, type ContractName } from "./site";
import { connectAnyone, useSiteChain } from "./wallet";
import { _ } from "./words";

export interface Call {
  contract: ContractName;
  abi: Abi;
  functionName: string;
  args: readonly unknown[];
}

/** Send a call from the person's wallet and wait until it is in a block. `what` names it. */
export async function transact({ say }: Run, what: string, call: Call): Promise<TransactionReceipt> {
  const address = contractAddress(call.contract);
  say(_("Waiting for your wallet…"));
  const wallet = await connectAnyone();
  await useSiteChain(wallet);
  // Simulating first turns a revert into its reason before anything is paid.
  const { request } = await wallet.simulateContract({ ...call, address, account: wallet.account });
  const hash: Hash = await wallet.writeContract(request);
  say(_("Sent. Waiting for the chain…"));
  const receipt = await wallet.waitForTransactionReceipt({ hash, pollingInterval: 500 });
  if (receipt.status !== "success") throw new UserError(_("The transaction %(hash)s failed on chain.", { hash }));
  remember(what, hash, receipt.blockNumber);
  say(_("Done on chain. This page shows it once the block is final."));
  return receipt;
}
