import { expect, it } from "vitest";
import type { DefinitionDocument, SyncDocument } from "../../api/types";
import { mappingsOf } from "./mapping";

const sync = (name: string) =>
  ({ sync: name, type: "identify", source: "shop.main", destinations: ["hook"] }) as SyncDocument;
const definition = (kind: string, name: string, value: unknown) =>
  ({ kind, name, value }) as DefinitionDocument;

it("takes what a connection says before what a sync says, and a sync's list in place of its source's", () => {
  const definitions = [
    definition("source", "shop", { destinations: [{ name: "hook", nulls: "omit" }] }),
    definition("sync", "a", {}),
    definition("sync", "b", { destinations: ["hook"] }),
    definition("sync", "c", { destinations: ["hook"], nulls: "omit" }),
  ];
  const found = mappingsOf("hook", ["a", "b", "c"].map(sync), definitions);
  expect(found.map(({ nulls, said }) => [nulls, said])).toEqual([
    ["omit", "the connection"],
    ["send", "the default"],
    ["omit", "the sync"],
  ]);
});
