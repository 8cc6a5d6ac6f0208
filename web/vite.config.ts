import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

// `OUTFLOW_API` is where `npm run dev` finds a server that answers the API.
const api = process.env.OUTFLOW_API ?? "http://127.0.0.1:8080";

const LIBRARIES =
  /node_modules\/(react|react-dom|scheduler|use-sync-external-store|openapi-fetch|@tanstack\/(react-router|router-core|history|store|react-store|query-core|react-query))\//;

export default defineConfig({
  plugins: [react()],
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
        // The shell names every file, so that each letter of a name costs every visit.
        chunkFileNames: "assets/[hash].js",
        assetFileNames: "assets/[hash][extname]",
        // What every screen needs is one file, and changes more rarely than our own code.
        codeSplitting: { groups: [{ name: "libraries", test: LIBRARIES }] },
      },
    },
  },
});
