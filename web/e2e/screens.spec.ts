/** Every screen of the demo: it shows, keeps the rules of accessibility, and fits narrow windows. */
import { expect, expectAccessible, expectReflow, test } from "./support/test";

const SCREENS: [path: string, heading: RegExp][] = [
  ["/", /./],
  ["/sources", /Sources/],
  ["/sources/shop/overview", /shop/],
  ["/sources/shop/syncs", /shop/],
  ["/sources/shop/databases", /shop/],
  ["/sources/shop/destinations", /shop/],
  ["/sources/shop/activity", /shop/],
  ["/sources/shop/settings", /shop/],
  ["/syncs", /Syncs/],
  ["/syncs/people/overview", /people/],
  ["/syncs/people/runs", /people/],
  ["/syncs/people/query", /people/],
  ["/syncs/people/payload", /people/],
  ["/syncs/people/schedule", /people/],
  ["/syncs/people/settings", /people/],
  ["/runs", /Runs/],
  ["/destinations", /Destinations/],
  ["/destinations/catalogue", /destination/i],
  ["/destinations/journeys/overview", /journeys/],
  ["/destinations/journeys/test", /journeys/],
  ["/destinations/journeys/settings", /journeys/],
  ["/connections", /Connections/],
  ["/alerts", /Alerts/],
  ["/alerts/rules", /Rules/],
  ["/usage", /Usage/],
  ["/settings/general", /Settings/],
  ["/settings/members", /Settings/],
  ["/settings/roles", /Settings/],
  ["/settings/tokens", /Settings/],
  ["/settings/secrets", /Settings/],
  ["/settings/audit", /Settings/],
  ["/settings/retention", /Settings/],
  ["/me", /.+/],
];

for (const [path, heading] of SCREENS) {
  test(`${path} is there for everyone`, async ({ demo }) => {
    await demo.goto(path);
    await expect(demo.getByRole("heading", { level: 1, name: heading })).toBeVisible();
    await expect(demo.getByRole("status", { name: /loading/i })).toHaveCount(0);
    const name = path === "/" ? "home" : path.slice(1).replaceAll("/", "-");
    await expectAccessible(demo, name);
    await expectReflow(demo, name);
  });
}
