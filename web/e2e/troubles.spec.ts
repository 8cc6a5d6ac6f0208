/** What goes wrong: the page says what, why and what to do, and nothing that was typed is lost. */
import {
  ADMIN,
  ask,
  begin,
  expectScreen,
  field,
  invite,
  makeDraft,
  QUERY,
  queryField,
  secretField,
  signIn,
  writeQuery,
} from "./support/steps";
import { expect, expectAccessible, open, test } from "./support/test";

// Each test has an installation of its own.
test.describe.configure({ mode: "parallel" });

test("a wrong password at sign-in", async ({ browser, fresh: { site, page } }) => {
  await begin(page, site);
  const other = await open(browser, site.url);
  await other.page.goto("/runs");
  await expectScreen(other.page, "Sign in");
  await signIn(other.page, ADMIN.name, "not the password");
  await expect(other.page.getByText("user name or password wrong")).toBeVisible();
  await expect(field(other.page, "Name")).toHaveValue(ADMIN.name);
  await expectAccessible(other.page, "trouble-sign-in");
  await signIn(other.page, ADMIN.name, ADMIN.password);
  // It goes on where one wanted to go.
  await expectScreen(other.page, "Runs");
  await other.close();
});

test("a wrong password of the database", async ({ fresh: { site, page } }) => {
  await begin(page, site);
  await page.goto("/sources/new/redshift");
  await field(page, "Name").fill("lake");
  await field(page, "Host").fill(site.redshift.host);
  await page.getByRole("spinbutton", { name: "Port", exact: true }).fill(site.redshift.port);
  await field(page, "Database name").fill("dev");
  await field(page, "User").fill(site.redshift.user);
  await secretField(page, "Password").fill("not the password");
  await page.getByRole("button", { name: /SSL mode/ }).click();
  await page.getByRole("option", { name: /^disable/ }).click();
  await page.getByRole("button", { name: "Save database" }).click();
  await expect(page.getByText("It fails at “Log in”.")).toBeVisible();
  await expect(page.getByText("S006", { exact: true })).toBeVisible();
  await expect(page.getByText(/Check user and password/)).toBeVisible();
  await expect(page.getByText("lake did not pass the test")).toBeVisible();
  await expectAccessible(page, "trouble-database");
  await secretField(page, "Password").fill(site.redshift.password);
  await page.getByRole("button", { name: "Save database" }).click();
  await expect(page.getByText("lake is saved")).toBeVisible();
});

test("a query that is wrong, and one without rows", async ({ fresh: { site, page } }) => {
  await begin(page, site);
  await makeDraft(page, "people");
  await page.goto("/syncs/people/edit?step=query");
  const run = page.getByRole("button", { name: "Run Query" });
  const review = page.getByRole("button", { name: "Next: Review" });
  const findings = page.getByRole("region", { name: "Findings" });

  await writeQuery(page, "DELETE FROM users");
  await expect(findings.getByText("Q001")).toBeVisible();
  await expect(review).toHaveAttribute("aria-disabled", "true");

  await writeQuery(page, 'SELECT id AS "userId" FROM nowhere WHERE at > {{last_sync_time}}');
  await run.click();
  const alert = page.getByRole("alert");
  await expect(alert.getByRole("heading", { name: "The query gave no rows" })).toBeVisible();
  await expect(alert.getByText(/nowhere/)).toBeVisible();
  await expectAccessible(page, "trouble-query");

  await writeQuery(page, `${QUERY} WHERE 1 = 0`);
  await run.click();
  const nothing = page.getByRole("heading", { name: "No rows, and nothing is wrong with that" });
  await expect(nothing).toBeVisible();
  await expectAccessible(page, "trouble-no-rows");

  await writeQuery(page, QUERY);
  await run.click();
  await expect(page.getByText(/^1 rows? in/)).toBeVisible();
  await expect(review).not.toHaveAttribute("aria-disabled", "true");
});

test("a role that does not allow it", async ({ browser, fresh: { site, page } }) => {
  await begin(page, site);
  await makeDraft(page, "people", QUERY);
  await ask(page, "POST", "/api/v1/syncs/people/enable");
  await invite(page, "vera", "viewer");
  const vera = await open(browser, site.url);
  const asked: string[] = [];
  await vera.page.goto("/syncs/people/overview");
  await signIn(vera.page, "vera", ADMIN.password);
  await expectScreen(vera.page, "people");
  vera.page.on("request", (request) => asked.push(request.method()));
  const run = vera.page.getByRole("button", { name: "Run now" });
  await expect(run).toHaveAttribute("aria-disabled", "true");
  await run.hover();
  await expect(vera.page.getByText("This needs the role Member or Admin.")).toBeVisible();
  await run.click({ force: true });
  await vera.page.goto("/settings/audit");
  const refusal = vera.page.getByRole("heading", { name: "Your role does not allow this" });
  await expect(refusal).toBeVisible();
  await expect(vera.page.getByText("This needs the role Admin.")).toBeVisible();
  await expectAccessible(vera.page, "trouble-forbidden");
  expect(asked.filter((method) => method !== "GET")).toEqual([]);
  await vera.close();
});

test("a server that goes away and comes back", async ({ fresh: { site, page } }) => {
  await begin(page, site);
  await makeDraft(page, "people", QUERY);
  await ask(page, "POST", "/api/v1/syncs/people/enable");
  await page.goto("/runs");
  await expect(page.getByRole("row", { name: /Succeeded/ })).toBeVisible({ timeout: 60_000 });
  const header = page.getByRole("banner");
  await expect(header.getByText("Live", { exact: true })).toBeVisible();
  await site.server.stop();
  await expect(header.getByText("Live updates off")).toBeVisible();
  // What was there stays, with its age.
  await expect(page.getByText("This may be out of date")).toBeVisible();
  await expect(page.getByRole("row", { name: /Succeeded/ })).toBeVisible();
  await site.server.start();
  // Without a press.
  await expect(header.getByText("Live", { exact: true })).toBeVisible({ timeout: 30_000 });
  await expect(page.getByRole("row", { name: /Succeeded/ })).toBeVisible();
  await expect(page.getByText("This may be out of date")).toHaveCount(0, { timeout: 30_000 });
});

test("a session that ends keeps the draft", async ({ fresh: { site, page } }) => {
  await begin(page, site);
  await makeDraft(page, "people");
  await page.goto("/syncs/people/edit?step=query");
  await expect(queryField(page)).toBeVisible();
  await ask(page, "DELETE", "/api/v1/session");
  await writeQuery(page, QUERY);
  const dialog = page.getByRole("dialog", { name: "Sign in again" });
  await expect(dialog).toBeVisible();
  await expect(field(page, "Name")).toHaveValue(ADMIN.name);
  await expect(secretField(page, "Password")).toBeFocused();
  await expectAccessible(page, "trouble-session");
  await secretField(page, "Password").fill(ADMIN.password);
  await page.keyboard.press("Enter");
  await expect(dialog).toHaveCount(0);
  await expect(page.getByRole("status").filter({ hasText: /^Saved$/ })).toBeVisible();
  await expect(queryField(page)).toHaveText(QUERY);
  await page.reload();
  await expect(queryField(page)).toHaveText(QUERY);
});

test("two people edit one sync", async ({ browser, fresh: { site, page } }) => {
  await begin(page, site);
  await makeDraft(page, "people", QUERY);
  await invite(page, "bob", "member");
  const bob = await open(browser, site.url);
  const editor = "/syncs/people/edit?step=query";
  await bob.page.goto(editor);
  await signIn(bob.page, "bob", ADMIN.password);
  await expect(queryField(bob.page)).toHaveText(QUERY);
  await page.goto(editor);
  await expect(queryField(page)).toHaveText(QUERY);

  // What one saves, the other one sees.
  const [hers, his] = [`${QUERY}, 'hers' AS plan`, `${QUERY}, 'his' AS plan`];
  await writeQuery(page, hers);
  await expect(queryField(bob.page)).toHaveText(hers);

  // Bob learns of the next change only by his own save.
  let refuse = () => {};
  const refused = new Promise<void>((resolve) => (refuse = resolve));
  await bob.page.route("**/api/v1/syncs/people/definition", async (route) => {
    await refused;
    await route.continue();
  });
  bob.page.on("response", (response) => {
    if (response.status() === 412) refuse();
  });
  await writeQuery(page, `${hers}, 2 AS seats`);
  await expect(page.getByRole("status").filter({ hasText: /^Saved$/ })).toBeVisible();
  await writeQuery(bob.page, his);
  await expect(bob.page.getByText("ada has changed this sync, too")).toBeVisible();
  const both = bob.page.getByLabel("Theirs and yours");
  await expect(both.getByText(/2 AS seats/)).toBeVisible();
  await expect(both.getByText(/'his' AS plan/)).toBeVisible();
  await expectAccessible(bob.page, "trouble-conflict");
  await bob.page.getByRole("button", { name: "Keep mine" }).click();
  await expect(bob.page.getByText("ada has changed this sync, too")).toHaveCount(0);
  await expect(queryField(page)).toHaveText(his);
  await bob.close();
});
