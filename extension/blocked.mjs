// The service's list of blocked sites as a module, `list:blocked`: category by domain.
import { readFileSync } from "node:fs";

const LIST = new URL("../contributions/blocklist.txt", import.meta.url);

function entries() {
  const found = {};
  let category = "";
  for (const line of readFileSync(LIST, "utf8").split("\n")) {
    if (line.startsWith("#")) category = line.replace(/^[# ]+/, "").trim();
    else if (line.trim()) found[line.trim()] = category;
  }
  return found;
}

export const blocked = {
  name: "blocked",
  setup(build) {
    build.onResolve({ filter: /^list:blocked$/ }, ({ path }) => ({ path, namespace: "blocked" }));
    build.onLoad({ filter: /.*/, namespace: "blocked" }, () => ({
      contents: JSON.stringify(entries()),
      loader: "json",
    }));
  },
};
