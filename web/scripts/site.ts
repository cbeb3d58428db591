// What the server tells the scripts about itself, in <script type="application/json" id="site">.
import type { Address } from "viem";
import { _ } from "./words";

export interface Site {
  chain_id: number | null;
  chain_name: string;
  rpc_url: string;
  address: Address | "";
  finalized_block: number;
  open_relays: number;
  contracts: Partial<Record<ContractName, Address>>;
}

export type ContractName = "LAMToken" | "RewardsDistributor" | "LAMGovernor" | "Handover";

/** The JSON that the server put into the page under an id. Throws when it is missing. */
export function pageData<T>(id: string): T {
  const element = document.getElementById(id);
  if (!element?.textContent) throw new Error(`The page lacks its data "${id}".`);
  return JSON.parse(element.textContent) as T;
}

export const site = pageData<Site>("site");

/** A contract's address. Throws while nothing is deployed. */
export function contractAddress(name: ContractName): Address {
  const address = site.contracts[name];
  if (!address) throw new UserError(_("The contracts are not deployed on this site's chain yet."));
  return address;
}

/** An error whose message is meant for the person in front of the page. */
export class UserError extends Error {}
