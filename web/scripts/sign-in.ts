// Sign-in with a wallet (EIP-4361), and leaving.
import type { Address } from "viem";
import { createSiweMessage } from "viem/siwe";
import { api } from "./api";
import { attribute, value, type Run } from "./forms";
import { connect, useSiteChain } from "./wallet";
import { _ } from "./words";

interface Nonce {
  nonce: string;
  domain: string;
  uri: string;
  chain_id: number;
  statement: string;
  expires_at: string;
}

/** The message that the wallet shows and signs. */
export function signInMessage(nonce: Nonce, address: Address): string {
  return createSiweMessage({
    address,
    chainId: nonce.chain_id,
    domain: nonce.domain,
    nonce: nonce.nonce,
    uri: nonce.uri,
    version: "1",
    statement: nonce.statement,
    issuedAt: new Date(),
    expirationTime: new Date(nonce.expires_at),
  });
}

/** Sign in and go on to the page that was asked for. */
export async function signIn(run: Run): Promise<void> {
  run.say(_("Waiting for your wallet…"));
  const wallet = await connect();
  await useSiteChain(wallet);
  const message = signInMessage(await api<Nonce>("POST", "auth/nonce"), wallet.account.address);
  const signature = await wallet.signMessage({ message });
  run.say(_("Signing in…"));
  const invite = value(run, "invite");
  await api("POST", "auth/verify", { message, signature, session: true, ...(invite && { invite }) });
  location.assign(attribute(run.form, "next"));
}

/** End the session. */
export async function signOut(): Promise<void> {
  await api("POST", "auth/sign-out");
  location.assign("/");
}
