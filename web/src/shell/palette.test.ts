import { expect, it } from "vitest";
import { found, type Command } from "./palette";

const command = (group: string, name: string, hint?: string): Command => ({
  id: `${group} ${name}`,
  group,
  name,
  run: () => undefined,
  ...(hint ? { hint } : {}),
});
const commands = [
  command("Go to", "Runs"),
  command("Syncs", "users", "identify from warehouse.main"),
  command("Actions", "Run users now"),
  command("Actions", "Pause users"),
];
const names = (typed: string) =>
  found(commands, typed).flatMap((group) => group.commands.map(({ name }) => name));

it("shows everything before anything is typed", () => {
  expect(names("")).toHaveLength(4);
});

it("puts what begins so before what has it within", () => {
  expect(names("run")[0]).toBe("Runs");
  expect(names("users")[0]).toBe("users");
  expect(names("pause us")).toEqual(["Pause users"]);
});

it("finds by the hint, too, and nothing where a word is missing", () => {
  expect(names("identify")).toEqual(["users"]);
  expect(names("users nowhere")).toEqual([]);
});
