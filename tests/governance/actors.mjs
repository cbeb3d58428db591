// Holders who govern with viem or ethers alone, by OpenZeppelin's own ABIs and types.
// Reads {library, url, governor, token, steps} as JSON on stdin, does one step after another, each by
// its `key`, and writes what each gave: a transaction's hash, ids and digests as the library has them.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const input = JSON.parse(readFileSync(0, "utf8"));
// Loading either takes a second; only the one that is asked for is.
const [ethers, viem] = await Promise.all(
  ["ethers", "viem"].map((name) => name === input.library && import(name)),
);
const { privateKeyToAccount } = viem && (await import("viem/accounts"));

const load = createRequire(import.meta.url);
const stock = (name) => load(`@openzeppelin/contracts/build/contracts/${name}.json`).abi;
const ABIS = { governor: stock("Governor"), token: stock("ERC20Votes") };

const BALLOT = [
  { name: "proposalId", type: "uint256" },
  { name: "support", type: "uint8" },
  { name: "voter", type: "address" },
  { name: "nonce", type: "uint256" },
];
const TYPES = {
  Ballot: BALLOT,
  ExtendedBallot: [...BALLOT, { name: "reason", type: "string" }, { name: "params", type: "bytes" }],
  Delegation: [
    { name: "delegatee", type: "address" },
    { name: "nonce", type: "uint256" },
    { name: "expiry", type: "uint256" },
  ],
};
const SHAPE = ["address[]", "uint256[]", "bytes[]", "bytes32"];
// The node estimates a checkpoint that is overwritten in the same second, which costs less.
const GAS = 1_000_000n;

class Viem {
  constructor({ url }) {
    const chain = viem.defineChain({ id: 31337, name: "test", rpcUrls: { default: { http: [url] } } });
    this.options = { chain, transport: viem.http(url) };
    this.node = viem.createPublicClient({ ...this.options, pollingInterval: 20 });
  }

  addressOf = (key) => privateKeyToAccount(key).address;
  read = (to, functionName, args) =>
    this.node.readContract({ address: to.address, abi: to.abi, functionName, args });

  async send(key, to, functionName, args) {
    const wallet = viem.createWalletClient({ ...this.options, account: privateKeyToAccount(key) });
    const call = { address: to.address, abi: to.abi, functionName, args, gas: GAS };
    const hash = await wallet.writeContract(call);
    const receipt = await this.node.waitForTransactionReceipt({ hash });
    const events = viem.parseEventLogs({ abi: to.abi, logs: receipt.logs });
    return { hash, ok: receipt.status === "success", proposalId: events[0]?.args.proposalId };
  }

  digest = (domain, primaryType, message) =>
    viem.hashTypedData({ domain, types: TYPES, primaryType, message });
  sign = (key, domain, primaryType, message) =>
    privateKeyToAccount(key).signTypedData({ domain, types: TYPES, primaryType, message });
  split(signature) {
    const { r, s, yParity } = viem.parseSignature(signature);
    return [27 + yParity, r, s];
  }

  pack = (...parts) => viem.encodePacked(parts.map(() => "uint128"), parts);
  hashOf = (text) => viem.keccak256(viem.stringToHex(text));
  proposalId(lists) {
    const types = SHAPE.map((type) => ({ type }));
    return BigInt(viem.keccak256(viem.encodeAbiParameters(types, lists)));
  }
}

class Ethers {
  constructor({ url }) {
    this.node = new ethers.JsonRpcProvider(url, 31337, { staticNetwork: true, cacheTimeout: -1 });
    this.node.pollingInterval = 20;
  }

  addressOf = (key) => ethers.computeAddress(key);
  read = (to, name, args) => new ethers.Contract(to.address, to.abi, this.node)[name](...args);

  async send(key, to, name, args) {
    const contract = new ethers.Contract(to.address, to.abi, new ethers.Wallet(key, this.node));
    const sent = await contract[name](...args, { gasLimit: GAS });
    const receipt = await sent.wait();
    const event = receipt.logs.map((log) => contract.interface.parseLog(log)).find(Boolean);
    return { hash: receipt.hash, ok: receipt.status === 1, proposalId: event?.args.proposalId };
  }

  digest = (domain, primaryType, message) =>
    ethers.TypedDataEncoder.hash(domain, { [primaryType]: TYPES[primaryType] }, message);
  sign = (key, domain, primaryType, message) =>
    new ethers.Wallet(key).signTypedData(domain, { [primaryType]: TYPES[primaryType] }, message);
  split(signature) {
    const { v, r, s } = ethers.Signature.from(signature);
    return [v, r, s];
  }

  pack = (...parts) => ethers.solidityPacked(parts.map(() => "uint128"), parts);
  hashOf = (text) => ethers.id(text);
  proposalId(lists) {
    return BigInt(ethers.keccak256(ethers.AbiCoder.defaultAbiCoder().encode(SHAPE, lists)));
  }
}

// ERC-5267: the contract itself says what its signatures are for.
async function domainOf(library, to) {
  const [, name, version, chainId, verifyingContract] = await library.read(to, "eip712Domain", []);
  return { name, version, chainId, verifyingContract };
}

const lists = ({ targets, values, calldatas }) => [targets, values.map(BigInt), calldatas];
const params = (library, split) => (split ? library.pack(...split.map(BigInt)) : "0x");

const STEPS = {
  delegate: (library, { token }, { key, to }) => library.send(key, token, "delegate", [to]),

  async delegateBySig(library, { token }, { key, sender, to, expiry }) {
    const nonce = await library.read(token, "nonces", [library.addressOf(key)]);
    const message = { delegatee: to, nonce, expiry: BigInt(expiry) };
    const domain = await domainOf(library, token);
    const parts = library.split(await library.sign(key, domain, "Delegation", message));
    const sent = await library.send(sender, token, "delegateBySig", [to, nonce, expiry, ...parts]);
    return { ...sent, nonce, digest: library.digest(domain, "Delegation", message) };
  },

  async propose(library, { governor }, { key, description, ...proposal }) {
    const offline = library.proposalId([...lists(proposal), library.hashOf(description)]);
    const sent = await library.send(key, governor, "propose", [...lists(proposal), description]);
    return { ...sent, offline };
  },

  vote(library, { governor }, { key, proposalId, support, reason, split }) {
    if (!split) return library.send(key, governor, "castVote", [proposalId, support]);
    const args = [proposalId, support, reason, params(library, split)];
    return library.send(key, governor, "castVoteWithReasonAndParams", args);
  },

  async voteBySig(library, { governor }, { key, sender, proposalId, support, reason, split }) {
    const voter = library.addressOf(key);
    const nonce = await library.read(governor, "nonces", [voter]);
    const ballot = { proposalId: BigInt(proposalId), support, voter, nonce };
    const type = split ? "ExtendedBallot" : "Ballot";
    const message = split ? { ...ballot, reason, params: params(library, split) } : ballot;
    const domain = await domainOf(library, governor);
    const signature = await library.sign(key, domain, type, message);
    const sent = split
      ? await library.send(sender, governor, "castVoteWithReasonAndParamsBySig", [
          proposalId, support, voter, reason, message.params, signature,
        ])
      : await library.send(sender, governor, "castVoteBySig", [proposalId, support, voter, signature]);
    return { ...sent, nonce, digest: library.digest(domain, type, message) };
  },

  queue: (library, { governor }, { key, description, ...proposal }) =>
    library.send(key, governor, "queue", [...lists(proposal), library.hashOf(description)]),
  execute: (library, { governor }, { key, description, ...proposal }) =>
    library.send(key, governor, "execute", [...lists(proposal), library.hashOf(description)]),
};

const library = input.library === "viem" ? new Viem(input) : new Ethers(input);
const contracts = {
  governor: { address: input.governor, abi: ABIS.governor },
  token: { address: input.token, abi: ABIS.token },
};
const done = [];
for (const { name, ...step } of input.steps) done.push(await STEPS[name](library, contracts, step));
const plain = (_, value) => (typeof value === "bigint" ? value.toString() : value);
process.stdout.write(JSON.stringify(done, plain), () => process.exit(0));
