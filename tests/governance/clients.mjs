// What viem and ethers make of our typed data and proposals, for the tests to compare.
// Reads {key, typed, proposal} as JSON on stdin, writes ids, digests and signatures.
import { readFileSync } from "node:fs";
import { Wallet, AbiCoder, TypedDataEncoder, id as keccakText, keccak256 as ethersKeccak } from "ethers";
import { encodeAbiParameters, hashTypedData, keccak256, parseAbiParameters, stringToHex } from "viem";
import { privateKeyToAccount } from "viem/accounts";

const input = JSON.parse(readFileSync(0, "utf8"));
const SHAPE = "address[] targets, uint256[] values, bytes[] calldatas, bytes32 descriptionHash";

function withoutDomain({ EIP712Domain, ...types }) {
  return types;
}

async function byViem({ key, typed, proposal }) {
  const account = privateKeyToAccount(key);
  const values = proposal.values.map(BigInt);
  const encoded = encodeAbiParameters(parseAbiParameters(SHAPE), [
    proposal.targets,
    values,
    proposal.calldatas,
    keccak256(stringToHex(proposal.description)),
  ]);
  return {
    digests: typed.map((each) => hashTypedData(each)),
    signatures: await Promise.all(typed.map((each) => account.signTypedData(each))),
    proposalId: BigInt(keccak256(encoded)).toString(),
  };
}

async function byEthers({ key, typed, proposal }) {
  const wallet = new Wallet(key);
  const encoded = AbiCoder.defaultAbiCoder().encode(
    ["address[]", "uint256[]", "bytes[]", "bytes32"],
    [proposal.targets, proposal.values, proposal.calldatas, keccakText(proposal.description)],
  );
  const parts = typed.map((each) => [each.domain, withoutDomain(each.types), each.message]);
  return {
    digests: parts.map((each) => TypedDataEncoder.hash(...each)),
    signatures: await Promise.all(parts.map((each) => wallet.signTypedData(...each))),
    proposalId: BigInt(ethersKeccak(encoded)).toString(),
  };
}

console.log(JSON.stringify({ viem: await byViem(input), ethers: await byEthers(input) }));
