import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { permissionGroups, permissionWords } from "./permission-words";

it("says of each permission what the docs say, and has each in one group", () => {
  const docs = readFileSync("../docs/reference/permissions.md", "utf8");
  const said = Object.fromEntries(
    [...docs.matchAll(/^\| `([a-z.]+)` \| ([^|]+) \|/gm)].map(([, name, words]) => [name, words]),
  );
  expect(permissionWords).toEqual(said);
  const grouped = permissionGroups.flatMap(({ permissions }) => permissions);
  expect([...grouped].sort()).toEqual(Object.keys(permissionWords).sort());
});
