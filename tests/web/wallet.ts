// A browser wallet for the tests: announces itself by EIP-6963 and signs for real with a key that
// the test made. Reads and raw transactions go to the test's node through `testWalletRpc`.
import {
  createWalletClient,
  custom,
  defineChain,
  hexToNumber,
  publicActions,
  type Hex,
  type TypedDataDefinition,
} from "viem";
import { privateKeyToAccount } from "viem/accounts";

interface Request {
  method: string;
  params?: readonly unknown[];
}

declare global {
  interface Window {
    testWallet: { key: Hex; chainId: number; name: string; wrongChain?: boolean; refuse?: boolean };
    testWalletRpc: (request: Request) => Promise<{ result?: unknown; error?: { message: string } }>;
  }
}

const settings = window.testWallet;
const account = privateKeyToAccount(settings.key);
let chainId = settings.wrongChain ? 1 : settings.chainId;

async function node({ method, params }: Request): Promise<unknown> {
  const answer = await window.testWalletRpc({ method, params: params ?? [] });
  if (answer.error) throw Object.assign(new Error(answer.error.message), answer.error);
  return answer.result;
}

const client = createWalletClient({
  account,
  chain: defineChain({
    id: settings.chainId,
    name: "test",
    nativeCurrency: { name: "Ether", symbol: "ETH", decimals: 18 },
    rpcUrls: { default: { http: [] } },
  }),
  transport: custom({ request: node }),
}).extend(publicActions);

function refuseWhenAsked(): void {
  if (settings.refuse) throw Object.assign(new Error("User rejected the request."), { code: 4001 });
}

async function send(transaction: { to: Hex; data?: Hex; value?: Hex }): Promise<Hex> {
  const { to, data, value } = transaction;
  return client.sendTransaction({ to, data, value: value ? BigInt(value) : undefined });
}

function switchTo(target: Hex): null {
  if (hexToNumber(target) !== settings.chainId) {
    throw Object.assign(new Error("Unrecognized chain ID."), { code: 4902 });
  }
  chainId = settings.chainId;
  return null;
}

async function request({ method, params = [] }: Request): Promise<unknown> {
  switch (method) {
    case "eth_requestAccounts":
    case "eth_accounts":
      return [account.address];
    case "eth_chainId":
      return `0x${chainId.toString(16)}`;
    case "wallet_switchEthereumChain":
      return switchTo((params[0] as { chainId: Hex }).chainId);
    case "personal_sign":
      refuseWhenAsked();
      return account.signMessage({ message: { raw: params[0] as Hex } });
    case "eth_signTypedData_v4":
      refuseWhenAsked();
      return account.signTypedData(JSON.parse(params[1] as string) as TypedDataDefinition);
    case "eth_sendTransaction":
      refuseWhenAsked();
      return send(params[0] as { to: Hex; data?: Hex; value?: Hex });
    default:
      return node({ method, params });
  }
}

const detail = Object.freeze({
  info: {
    uuid: crypto.randomUUID(),
    name: settings.name,
    icon: "data:image/svg+xml,<svg/>",
    rdns: "test.wallet",
  },
  provider: { request, on() {}, removeListener() {} },
});
const announce = () =>
  window.dispatchEvent(new CustomEvent("eip6963:announceProvider", { detail }));
window.addEventListener("eip6963:requestProvider", announce);
announce();
