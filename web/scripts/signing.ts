// EIP-712 signatures of what the service made ready, shown by the wallet field by field.
import type { Hex, TypedDataDomain } from "viem";
import type { Run } from "./forms";
import { connectOwn, useSiteChain, type Wallet } from "./wallet";
import { _ } from "./words";

export interface TypedData {
  domain: TypedDataDomain;
  types: Record<string, { name: string; type: string }[]>;
  primaryType: string;
  message: Record<string, unknown>;
}

/** Sign with a wallet: the signed-in account's unless another is given. */
export async function signTypedData(
  { say }: Run,
  typedData: TypedData,
  from?: Wallet,
): Promise<Hex> {
  say(_("Waiting for your wallet…"));
  const wallet = from ?? (await connectOwn());
  await useSiteChain(wallet);
  return wallet.signTypedData(typedData);
}
