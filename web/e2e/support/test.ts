/**
 * The tests' `test`: a page that counts what must never happen. At its end no request went to
 * another origin, no policy was violated, no script of data ran, and nothing was thrown.
 */
import { AxeBuilder } from "@axe-core/playwright";
import {
  test as base,
  expect,
  type Browser,
  type BrowserContext,
  type Page,
} from "@playwright/test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { usePageOfFolder } from "./dist";
import { startDemo, startFresh, type DemoSite, type FreshSite } from "./servers";

export { expect };

const THEMES = ["light", "dark"] as const;
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
/** A theme changes colours alone: in the second one nothing else is looked at again. */
const RULES_OF_COLOURS = ["color-contrast", "link-in-text-block"];

interface Fixtures {
  /** A signed-in page of the demo. */
  demo: Page;
  /** An installation without anything, and a page of it. */
  fresh: { site: FreshSite; page: Page };
}

interface WorkerFixtures {
  /** The demo's server, one for each worker. */
  site: DemoSite;
  /** What the demo's link has given the browser. */
  session: Awaited<ReturnType<BrowserContext["storageState"]>>;
}

export const test = base.extend<Fixtures, WorkerFixtures>({
  site: [
    async ({}, use) => {
      const site = await startDemo();
      await use(site);
      await site.stop();
    },
    { scope: "worker", timeout: 180_000 },
  ],
  session: [
    async ({ browser, site }, use) => {
      const context = await browser.newContext();
      await usePageOfFolder(context);
      const page = await context.newPage();
      await page.goto(site.link);
      await expect(page.getByRole("link", { name: "Sources" }).first()).toBeVisible();
      expect(page.url()).not.toContain("code=");
      await use(await context.storageState());
      await context.close();
    },
    { scope: "worker" },
  ],
  demo: async ({ browser, site, session }, use, info) => {
    const { page, close } = await open(browser, site.url, session, info.project.use.viewport);
    await use(page);
    await close();
  },
  fresh: async ({ browser }, use) => {
    const site = await startFresh();
    try {
      const { page, close } = await open(browser, site.url);
      await use({ site, page });
      await close();
    } finally {
      await site.stop();
    }
  },
});

/** A page at this address. `close` says what happened in it that never may. */
export async function open(
  browser: Browser,
  url: string,
  storageState?: Awaited<ReturnType<BrowserContext["storageState"]>>,
  viewport: { width: number; height: number } | null = { width: 1280, height: 900 },
): Promise<{ page: Page; close: () => Promise<void> }> {
  const context = await browser.newContext({ baseURL: url, storageState, viewport });
  await usePageOfFolder(context);
  const page = await context.newPage();
  const faults: string[] = [];
  await context.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", (event) => {
      const where = event.target instanceof Element ? event.target.outerHTML.slice(0, 200) : "";
      console.error(`policy violated: ${event.violatedDirective} ${event.blockedURI} ${where}`);
    });
  });
  page.on("console", (message) => {
    if (message.type() === "error" && !/status of (4\d\d|5\d\d)|ERR_/.test(message.text()))
      faults.push(message.text());
  });
  page.on("pageerror", (error) => faults.push(`thrown: ${error.message}`));
  page.on("dialog", (dialog) => faults.push(`a dialog of a script: ${dialog.message()}`));
  page.on("request", (request) => {
    const address = request.url();
    if (!address.startsWith(url) && !/^(data|blob):/.test(address))
      faults.push(`a request to ${address}`);
  });
  return {
    page,
    close: async () => {
      await context.close();
      expect(faults).toEqual([]);
    },
  };
}

/** What is shown keeps the rules of accessibility in both themes. Pictures go to `OUTFLOW_SHOTS`. */
export async function expectAccessible(page: Page, name: string): Promise<void> {
  for (const colorScheme of THEMES) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    const axe = new AxeBuilder({ page });
    if (colorScheme === "light") axe.withTags(RULES);
    else axe.withRules(RULES_OF_COLOURS);
    const found = await axe.analyze();
    const faults = found.violations.map(
      ({ id, nodes }) => `${id}: ${nodes.map((node) => node.target.join(" ")).join(", ")}`,
    );
    expect(faults, `${name}, ${colorScheme}`).toEqual([]);
    await picture(page, `${name}-${colorScheme}`);
  }
  await page.emulateMedia({ colorScheme: "light", reducedMotion: "reduce" });
}

/** Nothing has to be scrolled sideways to be read at a width of 320 px (WCAG 1.4.10). */
export async function expectReflow(page: Page, name: string): Promise<void> {
  const size = page.viewportSize()!;
  await page.setViewportSize({ width: 320, height: 800 });
  await expect
    .poll(() => page.evaluate(() => document.documentElement.scrollWidth), { message: name })
    .toBeLessThanOrEqual(320);
  await picture(page, `${name}-320`);
  await page.setViewportSize(size);
}

async function picture(page: Page, name: string): Promise<void> {
  const folder = process.env.OUTFLOW_SHOTS;
  if (!folder) return;
  mkdirSync(folder, { recursive: true });
  await page.screenshot({ path: join(folder, `${name}.png`), animations: "disabled" });
}
