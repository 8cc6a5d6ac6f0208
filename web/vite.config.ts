import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

import react from "@vitejs/plugin-react";
import { defineConfig, type Plugin } from "vite";

// `OUTFLOW_API` is where `npm run dev` finds a server that answers the API.
const api = process.env.OUTFLOW_API ?? "http://127.0.0.1:8080";

const LIBRARIES =
  /node_modules\/(react|react-dom|scheduler|use-sync-external-store|openapi-fetch|@tanstack\/(react-router|router-core|history|store|react-store|query-core|react-query))\//;

/** Puts a `.gz` beside each script and style: the binary holds that form alone. */
function compressed(): Plugin {
  return {
    name: "compressed",
    apply: "build",
    // The files as they are written: Vite's own plugins change chunks until then.
    writeBundle({ dir = "dist" }, bundle) {
      for (const fileName of Object.keys(bundle).filter((name) => /\.(js|css)$/.test(name))) {
        const path = join(dir, fileName);
        writeFileSync(`${path}.gz`, gzipSync(readFileSync(path), { level: 9 }));
      }
    },
  };
}

const SCREENS =
  /react-virtual|virtual-core|src\/ui\/(DataTable|table|use-row-keys|Page|page|Loaded|Notice|values|StatusChip|status|ListTools|list-tools)\./;

export default defineConfig({
  plugins: [react(), compressed()],
  server: { port: 5173, strictPort: true, proxy: { "/api": { target: api, changeOrigin: false } } },
  build: {
    target: "es2023",
    // The page's policy allows no `data:` fonts, and no script within the document.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    manifest: true,
    chunkSizeWarningLimit: 700,
    rolldownOptions: {
      output: {
        // The shell holds the name of every chunk: a hash alone is a third shorter.
        chunkFileNames: "assets/[hash].js",
        // What every screen needs is one file, and changes more rarely than our own code.
        // What nearly every screen needs beside it is one more.
        codeSplitting: {
          groups: [
            { name: "libraries", test: LIBRARIES },
            { name: "screens", test: SCREENS, includeDependenciesRecursively: false },
          ],
        },
      },
    },
  },
});
