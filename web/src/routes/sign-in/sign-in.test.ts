import { expect, it } from "vitest";
import { pathWithin } from "./routes";
import { codeOf, tokenOf } from "./token";

it.each([
  ["/runs?state=failed", "/runs?state=failed"],
  ["//evil.example/", undefined],
  ["/\\evil.example", undefined],
  ["https://evil.example", undefined],
  ["javascript:alert(1)", undefined],
  [undefined, undefined],
])("comes back to a path of this page alone: %s", (to, expected) => {
  expect(pathWithin(to)).toBe(expected);
});

it("reads the token of the link", () => {
  expect(tokenOf("#oflsetup_abc")).toBe("oflsetup_abc");
  expect(tokenOf("#token=oflsetup_abc")).toBe("oflsetup_abc");
  expect(tokenOf("")).toBe("");
  expect(tokenOf("#%")).toBe("%");
});

it("reads the code of a link that signs in", () => {
  expect(codeOf("#code=oflink_abc")).toBe("oflink_abc");
  expect(codeOf("#token=oflsetup_abc")).toBe("");
  expect(codeOf("")).toBe("");
});
