// Makes and compiles mutants of one contract. Answers on stdout, a JSON line for each line on stdin:
//   {"list": UNIT}                          every mutant of a source file, from the compiler's syntax tree
//   {"compile": {"unit", "mutant", "targets": [[unit, contract], …]}}   creation code by contract
// One process for all: loading the compiler takes longer than compiling a contract.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const require = createRequire(import.meta.url);
const solc = require("solc");
const contracts = dirname(dirname(fileURLToPath(import.meta.url)));
const IMPORT = /^\s*import\s[^;]*?"([^"]+)"\s*;/gms;

const BINARY = {
  "<": ["<=", ">="], "<=": ["<", ">"], ">": [">=", "<="], ">=": [">", "<"], "==": ["!="], "!=": ["=="],
  "+": ["-"], "-": ["+"], "*": ["/"], "/": ["*"], "%": ["*"], "<<": [">>"], ">>": ["<<"],
  "&&": ["||"], "||": ["&&"], "&": ["|"], "|": ["&"],
};
const ASSIGNMENT = { "+=": ["-="], "-=": ["+="] };
const YUL = {
  add: "sub", sub: "add", lt: "gt", gt: "lt", shl: "shr", shr: "shl", and: "or", xor: "and", eq: "lt",
};

function text(unit) {
  return readFileSync(unit.startsWith("@") ? require.resolve(unit) : join(contracts, unit), "utf8");
}

/** Every source unit that `unit` needs, by name. */
function closure(unit, found = {}) {
  if (found[unit]) return found;
  const content = text(unit);
  found[unit] = { content };
  for (const [, path] of content.matchAll(IMPORT)) {
    closure(path.startsWith(".") ? join(dirname(unit), path) : path, found);
  }
  return found;
}

function compile(sources, outputSelection) {
  const settings = { evmVersion: "cancun", optimizer: { enabled: true, runs: 1 }, outputSelection };
  return JSON.parse(solc.compile(JSON.stringify({ language: "Solidity", sources, settings })));
}

function range(node) {
  const [start, length] = node.src.split(":").map(Number);
  return [start, start + length];
}

/** Where `token` stands between two nodes. */
function between(source, left, right, token) {
  const at = source.indexOf(token, range(left)[1]);
  return at !== -1 && at < range(right)[0] ? [at, at + token.length] : undefined;
}

const MUTATORS = {
  BinaryOperation(node, source) {
    const at = between(source, node.leftExpression, node.rightExpression, node.operator);
    return at ? (BINARY[node.operator] ?? []).map((operator) => [at, operator]) : [];
  },
  Assignment(node, source) {
    const at = between(source, node.leftHandSide, node.rightHandSide, node.operator);
    return at ? (ASSIGNMENT[node.operator] ?? []).map((operator) => [at, operator]) : [];
  },
  UnaryOperation(node) {
    return node.operator === "!" ? [[[range(node)[0], range(node.subExpression)[0]], ""]] : [];
  },
  IfStatement(node) {
    return [[range(node.condition), "true"], [range(node.condition), "false"]];
  },
  ExpressionStatement(node) {
    // The count of a loop is left alone: without it nothing ends.
    return node.expression.nodeType === "UnaryOperation" && node.expression.operator !== "delete"
      ? []
      : [[range(node), ""]];
  },
  EmitStatement(node) {
    return [[range(node), ""]];
  },
  ModifierInvocation(node) {
    return node.kind === "modifierInvocation" ? [[range(node), ""]] : [];
  },
  Literal(node) {
    if (node.kind === "bool") return [[range(node), node.value === "true" ? "false" : "true"]];
    return node.kind === "number" ? [[range(node), `(${node.value} + 1)`]] : [];
  },
  YulFunctionCall(node) {
    const { name } = node.functionName;
    if (name === "iszero") return [[range(node), "1"], [range(node), "0"]];
    return YUL[name] ? [[range(node.functionName), YUL[name]]] : [];
  },
  YulLiteral(node) {
    return node.kind === "number" ? [[range(node), `${Number(node.value) + 1}`]] : [];
  },
};

/** Interfaces, constants' arithmetic and inherited code are not what is tested. */
function skipped(node) {
  const constant = node.nodeType === "VariableDeclaration" && node.constant;
  return constant || node.nodeType === "ImportDirective" || node.contractKind === "interface";
}

function walk(node, source, found) {
  if (!node || typeof node !== "object" || skipped(node)) return;
  if (node.nodeType && MUTATORS[node.nodeType]) {
    for (const [[start, end], replacement] of MUTATORS[node.nodeType](node, source)) {
      found.push({ start, end, replacement });
    }
  }
  for (const [key, value] of Object.entries(node)) {
    if (key === "typeDescriptions" || key === "typeName") continue;
    if (value && typeof value === "object") walk(value, source, found);
  }
}

function list(unit) {
  const sources = closure(unit);
  const { ast } = compile(sources, { "*": { "": ["ast"] } }).sources[unit];
  const source = Buffer.from(sources[unit].content, "utf8").toString("latin1"); // offsets are bytes
  const found = [];
  walk(ast, source, found);
  const line = (offset) => source.slice(0, offset).split("\n").length;
  return found.map((each) => {
    const original = source.slice(each.start, each.end).replace(/\s+/g, " ");
    return { ...each, line: line(each.start), original: Buffer.from(original, "latin1").toString() };
  });
}

function mutated({ unit, mutant, targets }) {
  const outputs = {};
  for (const [target, name] of targets) {
    const sources = closure(target);
    const source = Buffer.from(sources[unit].content, "utf8").toString("latin1");
    const changed = source.slice(0, mutant.start) + mutant.replacement + source.slice(mutant.end);
    sources[unit] = { content: Buffer.from(changed, "latin1").toString("utf8") };
    const output = compile(sources, { [target]: { [name]: ["evm.bytecode.object"] } });
    const code = output.contracts?.[target]?.[name]?.evm.bytecode.object;
    if (!code) return null;
    outputs[name] = `0x${code}`;
  }
  return outputs;
}

for await (const asked of createInterface({ input: process.stdin })) {
  const request = JSON.parse(asked);
  const answer = request.list ? list(request.list) : mutated(request.compile);
  process.stdout.write(JSON.stringify(answer) + "\n");
}
