// Budgets of the page, after compression: what every visit loads (the shell), what a route adds to
// it, and the whole. Reads the manifest of the last build; exits with 1 if a budget is exceeded.
import { readFileSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

const SHELL_KB = 130;
const ROUTE_KB = 160;
const DIST_KB = 2_560;

const dist = new URL("../dist/", import.meta.url).pathname;
const manifest = JSON.parse(readFileSync(join(dist, ".vite/manifest.json"), "utf8"));
const sizes = new Map();

function size(file) {
  if (!sizes.has(file)) {
    sizes.set(file, gzipSync(readFileSync(join(dist, file)), { level: 9 }).length);
  }
  return sizes.get(file);
}

/** The chunk and all that it imports at once. */
function withImports(key, seen = new Set()) {
  if (seen.has(key)) return seen;
  seen.add(key);
  for (const next of manifest[key].imports ?? []) withImports(next, seen);
  return seen;
}

function files(keys) {
  return [...keys].flatMap((key) => [manifest[key].file, ...(manifest[key].css ?? [])]);
}

function sum(names) {
  return [...new Set(names)].reduce((total, file) => total + size(file), 0) / 1000;
}

function all(folder) {
  return readdirSync(folder, { recursive: true })
    .map((name) => join(folder, name))
    .filter((name) => statSync(name).isFile() && !name.endsWith(".gz"));
}

const shell = new Set(files(withImports("index.html")));
const rows = [["shell", sum(shell), SHELL_KB]];
for (const [key, chunk] of Object.entries(manifest)) {
  if (!chunk.isDynamicEntry) continue;
  const own = files(withImports(key)).filter((file) => !shell.has(file));
  rows.push([key, sum(own), ROUTE_KB]);
}
const total = all(dist).reduce((bytes, file) => bytes + statSync(file).size, 0) / 1000;
rows.push(["all files, not compressed", total, DIST_KB]);

let isOver = false;
for (const [name, kb, most] of rows.sort((a, b) => b[1] - a[1])) {
  const over = kb > most;
  isOver ||= over;
  console.log(`${over ? "OVER " : "     "}${kb.toFixed(1).padStart(8)} kB of ${most}  ${name}`);
}

const foreign = all(dist)
  .filter((file) => /\.(js|css|html)$/.test(file))
  .flatMap((file) => readFileSync(file, "utf8").match(/(?:src|href)=["']https?:[^"']+/g) ?? []);
for (const address of foreign) console.log(`OVER  another origin: ${address}`);
process.exit(isOver || foreign.length > 0 ? 1 : 0);
