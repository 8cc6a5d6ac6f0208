/** From nothing to the first delivery, with the mouse: the steps of the reference page, by name. */
import { expectScreen, field, QUERY, secretField, setUp, writeQuery } from "./support/steps";
import { expect, expectAccessible, test } from "./support/test";

test("a source, a sync and its first delivery by mouse", async ({ fresh: { site, page } }) => {
  const see = async (name: string) => expectAccessible(page, `wizard-${name}`);
  await setUp(page, site, see);
  await see("2-home");

  await page.getByRole("navigation", { name: "Areas" }).getByText("Destinations").click();
  await page.getByRole("link", { name: "Add Destination" }).first().click();
  await expectScreen(page, "Add Destination");
  await page.getByRole("link", { name: "Webhook" }).click();
  await field(page, "Name").fill("hook");
  await field(page, "URL").fill(site.receiver);
  await see("3-destination");
  await page.getByRole("button", { name: "Save destination" }).click();
  await expectScreen(page, "hook");
  await see("4-destination-test");

  await page.getByRole("navigation", { name: "Areas" }).getByText("Sources").click();
  await page.getByRole("link", { name: "Add Source" }).first().click();
  await expectScreen(page, "Add Source");
  await see("5-add-source");
  await page.getByRole("link", { name: "Amazon Redshift" }).click();
  await expectScreen(page, "Amazon Redshift");
  await field(page, "Name").fill("warehouse");
  await field(page, "Host").fill(site.redshift.host);
  await page.getByRole("spinbutton", { name: "Port", exact: true }).fill(site.redshift.port);
  await field(page, "Database name").fill("dev");
  await field(page, "User").fill(site.redshift.user);
  await secretField(page, "Password").fill(site.redshift.password);
  await page.getByRole("button", { name: /SSL mode/ }).click();
  await page.getByRole("option", { name: /^disable/ }).click();
  await page.getByRole("button", { name: "Test connection" }).click();
  await expect(page.getByText("The connection works.")).toBeVisible();
  await see("6-database");
  await page.getByRole("button", { name: "Save database" }).click();
  await expect(page.getByText("warehouse is saved")).toBeVisible();
  await see("7-saved");

  await page.getByRole("link", { name: "Choose destinations" }).click();
  await page.getByRole("switch", { name: /Connect warehouse with hook/ }).click();
  await expect(page.getByText("warehouse feeds hook", { exact: true })).toBeVisible();
  await see("8-connected");
  await page.goBack();
  await page.getByRole("link", { name: "Next: Create Sync" }).click();

  await field(page, "Name").fill("people");
  await page.getByRole("textbox", { name: /Description/ }).fill("Everyone who has an account");
  await page.getByRole("radio", { name: /^identify/ }).check();
  await page.getByText("Every hour", { exact: true }).click();
  await see("9-details");
  await page.getByRole("button", { name: "Next: Define Query" }).click();

  await writeQuery(page, QUERY);
  await page.getByRole("button", { name: "Run Query" }).click();
  await expect(page.getByText(/^1 rows? in/)).toBeVisible();
  await expect(page.getByText("a@example.com").first()).toBeVisible();
  await see("10-query");
  await page.getByRole("button", { name: "Next: Review" }).click();
  await expect(page.getByRole("heading", { name: "Sample call" })).toBeVisible();
  await see("11-review");
  await page.getByRole("button", { name: "Enable" }).click();

  await expectScreen(page, "people");
  await page.getByRole("navigation", { name: "Parts of people" }).getByText("Runs").click();
  await page
    .getByRole("row", { name: /Succeeded/ })
    .getByRole("link")
    .first()
    .click();
  await expectScreen(page, /Run 1/);
  await expect(page.getByText("The one call was delivered to hook.")).toBeVisible();
  await see("12-run");
});
