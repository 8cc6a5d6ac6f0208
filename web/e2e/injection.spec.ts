/**
 * Scripts in everything that is stored and shown: descriptions, queries, columns, rows, names of
 * tokens, answers of destinations, errors of the database, addresses. None runs, and none
 * becomes markup: `open` fails at the first violation of the policy, dialog, or foreign request.
 */
import type { Page } from "@playwright/test";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { ADMIN, ask, begin, expectScreen, field, writeQuery } from "./support/steps";
import { expect, test } from "./support/test";

const RUN = "window.__ran=(window.__ran||0)+1";
const CORPUS = [
  `<script>${RUN}</script>`,
  `<img src=x onerror="${RUN}">`,
  `"><svg/onload=${RUN}>`,
  `'"--></style></title></textarea><script>${RUN}</script>`,
  `javascript:${RUN}//`,
  `<a href="javascript:${RUN}">press</a>`,
  `<iframe srcdoc="<script>parent.__ran=1</script>"></iframe>`,
  `<style>*{background:url(https://evil.example/)}</style>`,
  `{{constructor.constructor('${RUN}')()}}\${${RUN}}`,
  `<math><mi//xlink:href="data:x,<script>${RUN}</script>">`,
];
const ALL = CORPUS.join(" ");

/** A destination that refuses every call with a script. */
async function refusing() {
  const server = createServer((request, response) => {
    request.resume();
    // As JSON: of a web page, only that it is one is kept.
    response.writeHead(400, { "content-type": "application/json" });
    response.end(JSON.stringify({ message: ALL }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, stop: () => server.close() };
}

const quoted = (text: string) => `'${text.replaceAll("'", "''")}'`;
/** Without the variable's braces, which the query would have to know. */
const inQuery = (text: string) => text.replaceAll("{{", "{ {");

/** Nothing ran, and no element of the corpus is in the page. */
async function expectText(page: Page, place: string): Promise<void> {
  await expect(page.getByRole("status", { name: /loading/i })).toHaveCount(0);
  const found = await page.evaluate(() => ({
    ran: (window as { __ran?: number }).__ran ?? 0,
    elements: [
      ...document.querySelectorAll(
        'img[src="x"], math, iframe, [onload], [onerror], a[href^="javascript:"], body script',
      ),
    ].map((element) => element.outerHTML.slice(0, 100)),
  }));
  expect(found, place).toEqual({ ran: 0, elements: [] });
}

test("no stored text runs as a script", async ({ fresh: { site, page } }) => {
  const refuser = await refusing();
  try {
    await begin(page, site);
    await ask(page, "POST", "/api/v1/destinations", {
      name: "refuser",
      value: {
        type: "webhook",
        max_calls: 1,
        url: `${refuser.url}/?q=${encodeURIComponent(CORPUS[1]!)}`,
      },
    });
    await ask(page, "PUT", "/api/v1/connections/warehouse/refuser", {});
    await ask(page, "POST", "/api/v1/tokens", { name: CORPUS[1], role: "viewer" });
    const rows = CORPUS.map(
      (text, index) => `SELECT ${index} AS "userId", ${quoted(inQuery(text))} AS "<b onload=x>"`,
    );
    const rejected = `SELECT NULL AS "userId", ${quoted(CORPUS[0]!)} AS "<b onload=x>"`;
    const query = `${[...rows, rejected].join(" UNION ALL ")} -- ${inQuery(ALL)}`;
    const value = { source: "warehouse", type: "identify", description: ALL, query };
    await ask(page, "POST", "/api/v1/syncs", { name: "people", value });

    await page.goto("/syncs/people/overview");
    await page.getByRole("button", { name: "Run now" }).click();
    await expectScreen(page, "Run 1 of people");
    await expect(page.getByText(/refused for good/)).toBeVisible();
    await expectText(page, "the run");

    const places: [path: string, shown: string | RegExp][] = [
      ["/runs/1/requests", CORPUS[0]!],
      ["/runs/1/requests?letter=refuser:0", "The call that was sent"],
      ["/runs/1/rows", /row/],
      ["/runs/1/log", /Log/],
      ["/syncs", CORPUS[0]!],
      ["/syncs/people/overview", CORPUS[0]!],
      ["/syncs/people/query", CORPUS[0]!],
      ["/syncs/people/settings", CORPUS[0]!],
      ["/destinations/refuser/overview", /refuser/],
      ["/destinations/refuser/settings", /refuser/],
      ["/settings/tokens", CORPUS[1]!],
      ["/settings/audit", "ada"],
      [`/syncs?filter=${encodeURIComponent(ALL)}`, /syncs?/i],
      [`/destinations/catalogue?filter=${encodeURIComponent(ALL)}`, CORPUS[0]!],
      [`/sources/${encodeURIComponent(CORPUS[1]!)}/overview`, CORPUS[1]!],
      ["/", "Home"],
    ];
    for (const [path, shown] of places) {
      await page.goto(path);
      await expect.soft(page.getByText(shown).first(), path).toBeVisible({ timeout: 5_000 });
      await expectText(page, path);
    }

    await page.goto("/syncs/people/edit?step=query");
    await page.getByRole("button", { name: "Run Query" }).click();
    await expect(page.getByText(/^11 rows in/)).toBeVisible();
    await expectText(page, "the preview");
    await writeQuery(page, `SELECT "${CORPUS[1]!.replaceAll('"', "")}" FROM people`);
    await page.getByRole("button", { name: "Run Query" }).click();
    await expect(page.getByRole("heading", { name: "The query gave no rows" })).toBeVisible();
    await expectText(page, "an error of the database");
  } finally {
    refuser.stop();
  }
});

test("no address runs as a script", async ({ fresh: { site, page } }) => {
  await page.goto(`/login?error=${encodeURIComponent(ALL)}`);
  await expect(page.getByText(CORPUS[0]!)).toBeVisible();
  await expectText(page, "/login?error=");
  await begin(page, site);
  for (const to of ["javascript:window.__ran=1", "//evil.example/", "/\\evil.example"]) {
    await page.context().clearCookies();
    await page.goto(`/login?to=${encodeURIComponent(to)}`);
    await field(page, "Name").fill(ADMIN.name);
    await page.getByLabel("Password", { exact: true }).fill(ADMIN.password);
    await page.keyboard.press("Enter");
    await expectScreen(page, "Home");
    expect(page.url().startsWith(`${site.url}/`)).toBe(true);
    await expectText(page, to);
  }
});
