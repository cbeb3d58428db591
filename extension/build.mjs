// Bundles the extension into extension/dist, which Chromium loads unpacked; `make extension`.
// SERVICE_URL is the service that a fresh install offers to pair with.
import { build } from "esbuild";
import { cpSync, existsSync, mkdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { blocked } from "./blocked.mjs";
import { words } from "./words.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const [outdir = join(here, "dist")] = process.argv.slice(2);
const source = (name) => join(here, "src", name);

// Content scripts are injected as classic scripts: one closed bundle each.
const scripts = {
  content: source("content.ts"),
  repeat: source("repeat/content.ts"),
};
// The service worker and the extension's own pages are modules and share their chunks.
const modules = {
  background: source("background.ts"),
  popup: source("pages/popup.ts"),
  welcome: source("pages/welcome.ts"),
  review: source("pages/review.ts"),
  history: source("pages/history.ts"),
  settings: source("pages/settings.ts"),
  "repeat-page": source("pages/repeat.ts"),
};

const present = (entries) =>
  Object.fromEntries(Object.entries(entries).filter(([, path]) => existsSync(path)));
const options = {
  outdir,
  bundle: true,
  minify: true,
  sourcemap: "linked",
  target: "chrome120",
  plugins: [blocked, words],
  logLevel: "warning",
  define: {
    SERVICE_URL: JSON.stringify(process.env.SERVICE_URL ?? "http://127.0.0.1:8000"),
  },
};

rmSync(outdir, { recursive: true, force: true });
mkdirSync(outdir, { recursive: true });
await build({ ...options, entryPoints: present(scripts), format: "iife" });
await build({
  ...options,
  entryPoints: present(modules),
  format: "esm",
  splitting: true,
  chunkNames: "chunk-[hash]",
});
for (const part of ["manifest.json", "_locales"]) {
  cpSync(join(here, part), join(outdir, part), { recursive: true });
}
cpSync(join(here, "static"), outdir, { recursive: true });
