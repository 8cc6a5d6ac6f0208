/** What a person does with runs: decides, follows one, understands a skip, replays. */
import type { Page } from "@playwright/test";
import { startFresh } from "./support/servers";
import { ask, begin, expectScreen } from "./support/steps";
import { expect, expectAccessible, open, test } from "./support/test";

/** Opens the newest run of this sync in this state. */
async function openRun(page: Page, sync: string, state: string): Promise<void> {
  await page.goto(`/syncs/${sync}/runs`);
  const row = page.getByRole("row", { name: new RegExp(state) }).first();
  await row.getByRole("link").first().click();
  await expectScreen(page, new RegExp(`^Run \\d+ of ${sync}$`));
}

test("a skipped slot says why it was skipped", async ({ demo: page }) => {
  await openRun(page, "companies", "Skipped");
  await expect(page.getByText(/^This slot was skipped, because run \d+ of the sync/)).toBeVisible();
  await expect(page.getByText(/^No row is lost/)).toBeVisible();
  await expectAccessible(page, "run-skipped");
  await page.getByRole("link", { name: /^See run \d+/ }).click();
  await expect(page.getByText(/^It is held, and nothing was sent/)).toBeVisible();
});

test("a held run is approved and sent", async ({ demo: page }) => {
  await openRun(page, "companies", "Needs approval");
  await expect(page.getByText(/^It is held, and nothing was sent/)).toBeVisible();
  await expect(page.getByText(/^Would go to/).first()).toBeVisible();
  await expectAccessible(page, "run-held");
  await page.getByRole("button", { name: "Approve" }).click();
  await expect(page.getByText(/^All \d+ calls were delivered to /)).toBeVisible();
  await expect(page.getByText("Your decision")).toHaveCount(0);
  await expectAccessible(page, "run-approved");
});

test("a dead letter is looked at and replayed", async ({ demo: page }) => {
  await openRun(page, "people", "Partial");
  await page.getByRole("link", { name: "See dead letters" }).click();
  const letters = page.getByRole("table", { name: "Dead letters" });
  await letters.getByRole("row").nth(1).getByRole("link").first().click();
  const letter = page.getByRole("dialog", { name: /^Row \d+, refused by journeys$/ });
  await expect(letter.getByText(/person13@example.com/).first()).toBeVisible();
  await expectAccessible(page, "dead-letter");
  await letter.getByRole("button", { name: "Replay calls of this cause" }).click();
  const replay = page.getByRole("dialog", { name: "Replay" });
  const send = replay.getByRole("button", { name: "Replay", exact: true });
  await replay.getByText("Same payload").click();
  await send.click();
  await expect(replay.getByText(/would overwrite what came later/)).toBeVisible();
  await replay.getByText("Current values").click();
  await send.click();
  await expect(replay.getByText("The replay has begun")).toBeVisible();
  await replay.getByRole("link", { name: /^Run \d+$/ }).click();
  await expect(page.getByText(/^It sends calls of/)).toBeVisible();
  // The receiver of the demo refuses this person again.
  await expect(page.getByText(/were delivered, 1 was refused for good\.$/)).toBeVisible();
});

test("a run is followed from its start to its end", async ({ browser }) => {
  const site = await startFresh({ receiverDelayMs: 500 });
  try {
    const { page, close } = await open(browser, site.url);
    await begin(page, site);
    const rows = Array.from({ length: 12 }, (_, index) => `SELECT ${index} AS "userId"`);
    const value = { source: "warehouse", type: "identify", query: rows.join(" UNION ALL ") };
    await ask(page, "PATCH", "/api/v1/destinations/hook", { concurrency: 1, max_calls: 1 });
    await ask(page, "POST", "/api/v1/syncs", { name: "people", value });
    await page.goto("/syncs/people/overview");
    await page.getByRole("button", { name: "Run now" }).click();
    await expectScreen(page, "Run 1 of people");
    await expect(page.getByRole("heading", { name: "Live" })).toBeVisible();
    const progress = page.getByRole("progressbar", { name: "Calls settled at hook" });
    const settled = () => progress.evaluate((element: HTMLProgressElement) => element.value);
    await expect.poll(settled).toBeGreaterThan(0);
    await expect(page.getByText("calls left")).toBeVisible();
    await expect(page.getByText("All 12 calls were delivered to hook.")).toBeVisible();
    await expect(page.getByRole("heading", { name: "Live" })).toHaveCount(0);
    await close();
  } finally {
    await site.stop();
  }
});
