// Wallets of the browser: found by EIP-6963, used through viem, kept on the site's chain.
import {
  BaseError,
  createWalletClient,
  custom,
  defineChain,
  getAddress,
  publicActions,
  SwitchChainError,
  UserRejectedRequestError,
  type Address,
  type Chain,
  type EIP1193Provider,
} from "viem";
import { site, UserError } from "./site";
import { _ } from "./words";

interface Announcement {
  info: { uuid: string; name: string; icon: string; rdns: string };
  provider: EIP1193Provider;
}

const REMEMBERED = "wallet";
const announced = new Map<string, Announcement>();

window.addEventListener("eip6963:announceProvider", (event) => {
  const { detail } = event as CustomEvent<Announcement>;
  announced.set(detail.info.uuid, detail);
});
window.dispatchEvent(new Event("eip6963:requestProvider"));

async function discover(): Promise<Announcement[]> {
  window.dispatchEvent(new Event("eip6963:requestProvider"));
  // Wallets answer at once when they are there; one whose worker slept gets a moment.
  if (!announced.size) await new Promise((resolve) => setTimeout(resolve, 300));
  return [...announced.values()];
}

async function choose(): Promise<Announcement> {
  const wallets = await discover();
  const last = localStorage.getItem(REMEMBERED);
  const known = wallets.find((wallet) => wallet.info.rdns === last) ?? wallets[0];
  if (!known) {
    throw new UserError(
      _(
        "No wallet was found in this browser. Install one that supports EIP-6963 and load the page again.",
      ),
    );
  }
  const asks = wallets.length > 1 && (!site.address || known.info.rdns !== last);
  const chosen = asks ? await ask(wallets) : known;
  localStorage.setItem(REMEMBERED, chosen.info.rdns);
  return chosen;
}

function ask(wallets: Announcement[]): Promise<Announcement> {
  const dialog = document.createElement("dialog");
  const heading = document.createElement("h2");
  heading.textContent = _("Choose a wallet");
  heading.id = "wallet-heading";
  dialog.setAttribute("aria-labelledby", heading.id);
  dialog.append(heading);
  return new Promise((resolve, reject) => {
    for (const wallet of wallets) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = wallet.info.name;
      button.addEventListener("click", () => {
        resolve(wallet);
        dialog.close();
      });
      dialog.append(button);
    }
    dialog.addEventListener("close", () => {
      dialog.remove();
      reject(new UserError(_("No wallet was chosen.")));
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}

function siteChain(): Chain {
  if (site.chain_id === null) throw new UserError(_("The site is not connected to a chain yet."));
  return defineChain({
    id: site.chain_id,
    name: site.chain_name,
    nativeCurrency: { name: "Ether", symbol: "ETH", decimals: 18 },
    rpcUrls: { default: { http: site.rpc_url ? [site.rpc_url] : [] } },
  });
}

function clientOf(provider: EIP1193Provider, account: Address) {
  return createWalletClient({ account, chain: siteChain(), transport: custom(provider) }).extend(
    publicActions,
  );
}

export type Wallet = ReturnType<typeof clientOf>;

/** The person's wallet with the account it chose, on whatever chain it is. */
export async function connect(): Promise<Wallet> {
  const { provider } = await choose();
  const accounts = await provider.request({ method: "eth_requestAccounts" });
  if (!accounts[0]) throw new UserError(_("The wallet gave no account."));
  return clientOf(provider, getAddress(accounts[0]));
}

/** The wallet of the signed-in account; throws when the wallet has another account selected. */
export async function connectOwn(): Promise<Wallet> {
  const wallet = await connect();
  if (wallet.account.address !== site.address) {
    throw new UserError(
      _(
        "Your wallet has %(selected)s selected, but you are signed in as %(own)s. Select that account in the wallet.",
        { selected: wallet.account.address, own: site.address },
      ),
    );
  }
  return wallet;
}

/** The signed-in account's wallet; any wallet, for what needs no account here, if nobody is. */
export function connectAnyone(): Promise<Wallet> {
  return site.address ? connectOwn() : connect();
}

/** Make the wallet use the site's chain, offering to switch or to add it. */
export async function useSiteChain(wallet: Wallet): Promise<void> {
  const chain = wallet.chain;
  if ((await wallet.getChainId()) === chain.id) return;
  try {
    await wallet.switchChain({ id: chain.id });
  } catch (error) {
    if (!isUnknownChain(error) || !site.rpc_url) throw wrongChain(error);
    await wallet.addChain({ chain });
  }
  if ((await wallet.getChainId()) !== chain.id) throw wrongChain(null);
}

function isUnknownChain(error: unknown): boolean {
  return error instanceof BaseError && error.walk((cause) => hasCode(cause, SwitchChainError.code)) !== null;
}

function hasCode(error: unknown, code: number): boolean {
  return typeof error === "object" && error !== null && "code" in error && error.code === code;
}

function wrongChain(cause: unknown): Error {
  if (isRefusal(cause)) return new UserError(_("Your wallet stayed on another chain."));
  return new UserError(
    _("Your wallet is on another chain. Switch it to %(name)s (chain %(id)s).", {
      name: site.chain_name,
      id: String(site.chain_id),
    }),
  );
}

/** Whether the person said no in the wallet. */
export function isRefusal(error: unknown): boolean {
  if (!(error instanceof BaseError)) return hasCode(error, UserRejectedRequestError.code);
  return error.walk((cause) => hasCode(cause, UserRejectedRequestError.code)) !== null;
}
