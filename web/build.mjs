// Bundles the page scripts into web/static/web/dist; `npm run build`, or `-- --watch` while writing.
import { context } from "esbuild";
import { rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const outdir = join(here, "static/web/dist");
rmSync(outdir, { recursive: true, force: true });
const build = await context({
  entryPoints: [join(here, "scripts/main.ts")],
  outdir,
  bundle: true,
  format: "esm",
  splitting: true,
  minify: true,
  sourcemap: true,
  target: "es2022",
  chunkNames: "chunk-[hash]",
  logLevel: "info",
});

if (process.argv.includes("--watch")) {
  await build.watch();
} else {
  await build.rebuild();
  await build.dispose();
}
