/** From nothing to the first delivery without a mouse: Tab, arrows, Enter, the page's own keys. */
import type { Locator, Page } from "@playwright/test";
import { ADMIN, expectScreen, field, QUERY, queryField, secretField } from "./support/steps";
import { expect, test } from "./support/test";

/** More than the longest screen has to stop at. */
const STOPS = 90;

/** Goes on with Tab until this has the focus. */
async function tabTo(page: Page, target: Locator): Promise<void> {
  await expect(target).toBeVisible();
  const has = () => target.evaluate((element) => element === document.activeElement);
  for (let stop = 0; stop < STOPS; stop++) {
    if (await has()) return;
    await page.keyboard.press("Tab");
  }
  throw new Error(`Tab does not reach ${target}`);
}

async function press(page: Page, target: Locator, key = "Enter"): Promise<void> {
  await tabTo(page, target);
  await page.keyboard.press(key);
}

async function type(page: Page, target: Locator, text: string): Promise<void> {
  await tabTo(page, target);
  await page.keyboard.press("Control+a");
  await page.keyboard.type(text);
}

function button(page: Page, name: string | RegExp): Locator {
  return page.getByRole("button", { name });
}

function link(page: Page, name: string): Locator {
  return page.getByRole("link", { name, exact: true }).first();
}

test("a source, a sync and its first delivery by keyboard", async ({ fresh: { site, page } }) => {
  await page.goto(`/setup#token=${site.token}`);
  await type(page, field(page, "Your name"), ADMIN.name);
  await type(page, secretField(page, "Password"), ADMIN.password);
  await page.keyboard.press("Enter");
  await expectScreen(page, "Home");

  await press(page, link(page, "Add Destination"));
  await expectScreen(page, "Add Destination");
  await press(page, link(page, "Webhook"));
  await type(page, field(page, "Name"), "hook");
  await type(page, field(page, "URL"), site.receiver);
  await page.keyboard.press("Enter");
  await expectScreen(page, "hook");

  // The palette goes to every area.
  await page.keyboard.press("Control+k");
  await expect(page.getByRole("searchbox", { name: "Search and act" })).toBeFocused();
  await page.keyboard.type("sources");
  await expect(page.getByRole("menuitem", { name: /^Sources/ })).toBeVisible();
  await page.keyboard.press("Enter");
  await expectScreen(page, "Sources");
  await press(page, link(page, "Add Source"));
  await press(page, link(page, "Amazon Redshift"));
  await type(page, field(page, "Name"), "warehouse");
  await type(page, field(page, "Host"), site.redshift.host);
  await type(page, page.getByRole("spinbutton", { name: "Port", exact: true }), site.redshift.port);
  await type(page, field(page, "Database name"), "dev");
  await type(page, field(page, "User"), site.redshift.user);
  await type(page, secretField(page, "Password"), site.redshift.password);
  await press(page, button(page, /SSL mode/));
  await expect(page.getByRole("option", { name: /^verify-full/ })).toBeFocused();
  await page.keyboard.press("Home");
  await expect(page.getByRole("option", { name: /^disable/ })).toBeFocused();
  await page.keyboard.press("Enter");
  await press(page, button(page, "Test connection"));
  await expect(page.getByText("The connection works.")).toBeVisible();
  await press(page, button(page, "Save database"));
  await expect(page.getByText("warehouse is saved")).toBeVisible();

  await press(page, link(page, "Choose destinations"));
  await press(page, page.getByRole("switch", { name: /Connect warehouse with hook/ }), "Space");
  await expect(page.getByText("warehouse feeds hook", { exact: true })).toBeVisible();
  await press(page, link(page, "Add Sync"));
  await press(page, page.getByText("Next: Create Sync"));

  await type(page, field(page, "Name"), "people");
  await press(page, page.getByRole("radio", { name: /^identify/ }), "Space");
  await tabTo(page, page.getByRole("radio", { name: "Every 15 minutes" }));
  await page.keyboard.press("ArrowRight");
  await expect(page.getByRole("radio", { name: "Every hour" })).toBeChecked();
  await press(page, button(page, "Next: Define Query"));

  await tabTo(page, queryField(page));
  await page.keyboard.insertText(QUERY);
  await page.keyboard.press("Control+Enter");
  await expect(page.getByText(/^1 rows? in/)).toBeVisible();
  await expect(queryField(page)).toBeFocused();
  // Tab indents in the editor: Escape leaves it, after one that closes what can be completed.
  await page.keyboard.press("Escape");
  await page.keyboard.press("Escape");
  await page.keyboard.press("Tab");
  await expect(queryField(page)).not.toBeFocused();
  await press(page, button(page, "Next: Review"));
  await expect(page.getByRole("heading", { name: "Sample call" })).toBeVisible();
  await press(page, button(page, "Enable"));

  await expectScreen(page, "people");
  await press(page, page.getByRole("navigation", { name: "Parts of people" }).getByText("Runs"));
  await press(
    page,
    page
      .getByRole("row", { name: /Succeeded/ })
      .getByRole("link")
      .first(),
  );
  await expectScreen(page, /Run 1/);
  await expect(page.getByText("The one call was delivered to hook.")).toBeVisible();
});
