// Compiles the contracts and writes contracts/abi/NAME.json. `--standard-json FILE` writes the compiler's
// input instead, which block explorers take to verify the deployed bytecode: of every contract, of the
// one that `--contract NAME` names, or of a source unit, `--unit PATH`. `--benchmarks --out FOLDER`
// compiles what gas is compared with.
//
// The same sources give the same bytes on every machine: npm's solc is pinned, source units have names
// that no machine's paths enter, and the output has no dates. `--out FOLDER` writes elsewhere, which is
// how the tests compare a rebuild with what is committed.
import { createHash } from "node:crypto";
import { createRequire } from "node:module";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const require = createRequire(import.meta.url);
const solc = require("solc");
const contracts = dirname(dirname(fileURLToPath(import.meta.url)));

// Deployed contracts and the source unit that defines each.
const DEPLOYED = {
  ActionCredits: "src/ActionCredits.sol",
  Handover: "src/Handover.sol",
  LAMGovernor: "src/LAMGovernor.sol",
  LAMToken: "src/LAMToken.sol",
  Registry: "src/Registry.sol",
  RewardsDistributor: "src/RewardsDistributor.sol",
  RewardsVault: "src/RewardsVault.sol",
  TimelockController: "@openzeppelin/contracts/governance/TimelockController.sol",
};

// What `python -m bench.gas` compares them with.
const BENCHMARKS = {
  Floor: "bench/Floor.sol",
  PlainGovernor: "bench/PlainGovernor.sol",
  PlainToken: "bench/PlainToken.sol",
};

const SETTINGS = {
  optimizer: { enabled: true, runs: 1_000_000 },
  evmVersion: "cancun",
  outputSelection: { "*": { "*": ["abi", "evm.bytecode.object"] } },
};

const IMPORT = /^\s*import\s[^;]*?"([^"]+)"\s*;/gms;

/** Text of a source unit: ours relative to contracts/, OpenZeppelin's from node_modules. */
function read(unit) {
  return readFileSync(unit.startsWith("@") ? require.resolve(unit) : join(contracts, unit), "utf8");
}

/** Every source unit that `units` need, by name, in name order. */
function closure(units) {
  const found = new Map();
  const waiting = [...units];
  while (waiting.length > 0) {
    const unit = waiting.pop();
    if (found.has(unit)) continue;
    const content = read(unit);
    found.set(unit, { content });
    for (const [, path] of content.matchAll(IMPORT)) {
      waiting.push(path.startsWith(".") ? join(dirname(unit), path) : path);
    }
  }
  return Object.fromEntries([...found].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function compile(input) {
  const output = JSON.parse(solc.compile(JSON.stringify(input)));
  const errors = (output.errors ?? []).filter(
    // OpenZeppelin names functions "at", which a later Solidity will reserve.
    (error) => error.severity === "error" || error.errorCode !== "6335",
  );
  if (errors.length > 0) throw new Error(errors.map((e) => e.formattedMessage).join("\n"));
  return output;
}

function write(path, value) {
  writeFileSync(path, JSON.stringify(value, null, 1) + "\n");
}

/** The argument after `--name`, or undefined. */
function option(name) {
  const at = process.argv.indexOf(`--${name}`);
  return at === -1 ? undefined : process.argv[at + 1];
}

function artifact(contractName, unit, { abi, evm }) {
  return {
    contractName,
    sourceName: unit,
    sourceHash: `0x${createHash("sha256").update(read(unit)).digest("hex")}`,
    compiler: solc.version().replace(".Emscripten.clang", ""),
    abi,
    bytecode: `0x${evm.bytecode.object}`,
  };
}

function main() {
  const folder = option("out") ?? join(contracts, "abi");
  const wanted = process.argv.includes("--benchmarks") ? BENCHMARKS : DEPLOYED;
  const one = option("unit") ?? wanted[option("contract")];
  const units = one ? [one] : Object.values(wanted);
  const input = { language: "Solidity", sources: closure(units), settings: SETTINGS };
  if (option("standard-json")) return write(option("standard-json"), input);
  mkdirSync(folder, { recursive: true });
  const output = compile(input);
  for (const [name, unit] of Object.entries(wanted)) {
    write(join(folder, `${name}.json`), artifact(name, unit, output.contracts[unit][name]));
  }
}

main();
