/** What several tests do with a fresh installation: the first administrator, a source, a sync. */
import { expect, type Page } from "@playwright/test";
import type { FreshSite } from "./servers";

export const ADMIN = { name: "ada", password: "correct horse battery staple" };

export const QUERY = `SELECT 1 AS "userId", 'a@example.com' AS email`;

/** The title of the screen. */
export async function expectScreen(page: Page, title: string | RegExp): Promise<void> {
  await expect(page.getByRole("heading", { level: 1, name: title })).toBeVisible();
}

/** A text field, by its whole label. */
export function field(page: Page, label: string) {
  return page.getByRole("textbox", { name: label, exact: true });
}

/** A password field, which has no role. */
export function secretField(page: Page, label: string) {
  return page.getByLabel(label, { exact: true });
}

/** The editor of the query. */
export function queryField(page: Page) {
  return page.getByRole("textbox", { name: "SQL query" });
}

/**
 * Puts this in place of the query, by keys. Not `fill`: the browser then keeps the style of what it
 * replaces in a `style` attribute, and the page's policy refuses that.
 */
export async function writeQuery(page: Page, query: string): Promise<void> {
  await queryField(page).focus();
  await page.keyboard.press("Control+a");
  await page.keyboard.press("Delete");
  await page.keyboard.insertText(query);
  await expect(queryField(page)).toHaveText(query);
}

/** Makes the first administrator through the link that the server prints. */
export async function setUp(
  page: Page,
  site: FreshSite,
  see?: (name: string) => Promise<void>,
): Promise<void> {
  await page.goto(`/setup#token=${site.token}`);
  await expectScreen(page, "Set up Outflow");
  expect(page.url()).not.toContain(site.token);
  await see?.("1-setup");
  await field(page, "Your name").fill(ADMIN.name);
  await secretField(page, "Password").fill(ADMIN.password);
  await page.getByRole("button", { name: "Create administrator" }).click();
  await expectScreen(page, "Home");
}

/** The first administrator, a source, a destination and their connection, without a screen. */
export async function begin(page: Page, site: FreshSite): Promise<void> {
  await page.goto("/login");
  await ask(page, "POST", "/api/v1/set-up", { token: site.token, ...ADMIN });
  await define(page, site);
}

/** A draft of a sync. */
export async function makeDraft(page: Page, name: string, query = ""): Promise<void> {
  const value = { source: "warehouse", type: "identify", schedule: { every: "1d" }, query };
  await ask(page, "POST", "/api/v1/syncs", { name, value, status: "draft" });
}

/** Another person, in a browser of their own. */
export async function invite(page: Page, name: string, role: "viewer" | "member"): Promise<void> {
  await ask(page, "POST", "/api/v1/users", { name, role, password: ADMIN.password });
}

/** Signs in on the screen that asks for it. */
export async function signIn(page: Page, name: string, password: string): Promise<void> {
  await field(page, "Name").fill(name);
  await secretField(page, "Password").fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
}

/** Asks the API as the page does, with its session. */
export async function ask<T>(page: Page, method: string, path: string, body?: unknown): Promise<T> {
  const answer = await page.evaluate(
    async ([method, path, body]) => {
      const response = await fetch(path, {
        method,
        headers: body === null ? {} : { "content-type": "application/json" },
        body,
      });
      return { status: response.status, text: await response.text() };
    },
    [method, path, body === undefined ? null : JSON.stringify(body)] as const,
  );
  expect(answer.status, `${method} ${path}: ${answer.text}`).toBeLessThan(300);
  return (answer.text === "" ? undefined : JSON.parse(answer.text)) as T;
}

/** What the API needs of a fresh site: a source of the simulator, a receiver, their connection. */
export async function define(page: Page, site: FreshSite): Promise<void> {
  const { host, port, user, password } = site.redshift;
  const main = {
    host,
    port: Number(port),
    database: "dev",
    user,
    password: "${secret:WAREHOUSE_PASSWORD}",
    ssl: "disable",
  };
  const source = { name: "warehouse", value: { type: "redshift", databases: { main } } };
  await ask(page, "PUT", "/api/v1/secrets/WAREHOUSE_PASSWORD", {
    value: password,
    uses: [{ kind: "source", ...source }],
  });
  await ask(page, "POST", "/api/v1/sources", source);
  await ask(page, "POST", "/api/v1/destinations", {
    name: "hook",
    value: { type: "webhook", url: site.receiver },
  });
  await ask(page, "PUT", "/api/v1/connections/warehouse/hook", {});
}
