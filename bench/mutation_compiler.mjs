// npm's solc for many compilations in a row: standard JSON by the line on stdin, the compiler's output by
// the line on stdout. Loading the compiler takes as long as a small compilation.
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const solc = createRequire(import.meta.url)("solc");

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(JSON.stringify(JSON.parse(solc.compile(line))) + "\n");
}
