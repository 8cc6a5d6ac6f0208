/**
 * The page of a folder in place of the binary's: with `OUTFLOW_E2E_PAGE=dist` a change of the page
 * is tested after `vite build` alone. The API is the binary's in any case.
 */
import type { BrowserContext } from "@playwright/test";
import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";

const NONCE = "e2e-nonce";
const POLICY =
  `default-src 'self'; style-src 'self' 'nonce-${NONCE}'; img-src 'self' data:; ` +
  "connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'";

export async function usePageOfFolder(context: BrowserContext): Promise<void> {
  const folder = process.env.OUTFLOW_E2E_PAGE;
  if (!folder) return;
  const root = resolve(folder);
  await context.route(
    ({ pathname }) => !pathname.startsWith("/api/"),
    async (route) => {
      const file = join(root, new URL(route.request().url()).pathname);
      if (file !== join(root, "/") && existsSync(file)) return route.fulfill({ path: file });
      const html = readFileSync(join(root, "index.html"), "utf8").replaceAll("__NONCE__", NONCE);
      const headers = { "content-security-policy": POLICY };
      return route.fulfill({ body: html, contentType: "text/html", headers });
    },
  );
}
