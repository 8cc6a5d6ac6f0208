import { describe, expect, it } from "vitest";
import { fieldsOf, patchOf, problemsOf, secretName, settingsOf, typedOf } from "./schema-form";

const schema = {
  type: "object",
  properties: {
    rate: { type: "integer", minimum: 1, maximum: 10, description: "requests per second" },
    url: { type: "string", description: "The URL." },
    headers: { type: "object", additionalProperties: { type: "string" } },
    gzip: { type: "boolean", default: false },
    timeout: { type: ["string", "integer"], default: "30s" },
    write_key: { type: "string", writeOnly: true },
    body: { type: "string", enum: ["batch", "array"] },
  },
  required: ["url"],
};
const fields = fieldsOf(schema);

describe("a form made from a schema", () => {
  it("begins with what is needed, and knows each kind", () => {
    expect(fields.map(({ key, kind }) => [key, kind])).toEqual([
      ["url", "text"],
      ["rate", "number"],
      ["headers", "table"],
      ["gzip", "switch"],
      ["timeout", "text"],
      ["write_key", "secret"],
      ["body", "choice"],
    ]);
    expect(fields[1]!.help).toBe("Requests per second.");
    expect(fields[4]!.fallback).toBe("30s");
  });

  it("takes the default out of a description that ends with it", () => {
    const properties = {
      a: { type: "string", description: "queries at a time; 2 by default, and others" },
      b: { type: "string", description: "how long; by default an hour" },
    };
    expect(fieldsOf({ properties }).map(({ help, fallback }) => [help, fallback])).toEqual([
      ["Queries at a time; and others.", "2"],
      ["How long; by default an hour.", null],
    ]);
  });

  it("gives back the settings that it was filled with", () => {
    const settings = {
      url: "https://a.example/in",
      rate: 5,
      headers: { Authorization: "Bearer ${secret:A}" },
      gzip: true,
    };
    expect(settingsOf(fields, typedOf(fields, settings))).toEqual(settings);
  });

  it("makes digits a number where a number or a reference can stand", () => {
    const number = { anyOf: [{ type: "integer" }, { type: "string" }] };
    const either = fieldsOf({ properties: { a: number, b: number, c: { type: "string" } } });
    expect(settingsOf(either, { a: "4", b: "${env:B}", c: "4" })).toEqual({
      a: 4,
      b: "${env:B}",
      c: "4",
    });
  });

  it("says what is missing and what does not fit", () => {
    expect(Object.keys(problemsOf(fields, { rate: "11", headers: "nothing" }))).toEqual([
      "url",
      "rate",
      "headers",
    ]);
  });

  it("patches what differs alone, and removes what is gone", () => {
    const before = { url: "a", headers: { A: "1", B: "2" }, rate: 3 };
    const after = { url: "a", headers: { A: "1", B: "3" } };
    expect(patchOf(before, after)).toEqual({ headers: { B: "3" }, rate: null });
  });

  it("names secrets after their owner", () => {
    expect(secretName("my-hook", "headers.Authorization")).toBe("MY_HOOK_HEADERS_AUTHORIZATION");
  });
});
