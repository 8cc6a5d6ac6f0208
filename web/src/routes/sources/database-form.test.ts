import { describe, expect, it } from "vitest";
import { splitAddress } from "../../lib/database-url";
import {
  databaseOf,
  emptyForm,
  fitsForm,
  formOf,
  problemsOf,
  secretName,
  withAddress,
} from "./database-form";

describe("the form of a database", () => {
  it("becomes the shortest definition, and the password stays out of it", () => {
    const pasted = splitAddress("redshift://reader:hunter2@c.example:5439/dev")!;
    const form = withAddress(emptyForm("redshift", "warehouse"), pasted);
    const value = databaseOf("redshift", form, "${secret:P}");
    expect(value).toEqual({
      host: "c.example",
      database: "dev",
      user: "reader",
      password: "${secret:P}",
    });
    expect(JSON.stringify(value)).not.toContain("hunter2");
  });

  it("gives back what it was made of, with keys that it does not show", () => {
    const before = {
      host: "db.example",
      port: 5433,
      database: "app",
      user: "reader",
      password: "${env:P}",
      ssl: { mode: "verify-ca", ca: "/etc/ca.pem" },
      tunnel: { host: "bastion", known_hosts: "/etc/hosts.ssh" },
      allow_functions: ["pg_sleep"],
      max_queries: 2,
    };
    const form = formOf("postgres", "main", before);
    expect(databaseOf("postgres", form, form.reference, before)).toEqual(before);
    const direct = databaseOf("postgres", { ...form, hasTunnel: false, ca: "" }, "x", before);
    expect(direct).not.toHaveProperty("tunnel");
    expect(direct).toMatchObject({ ssl: "verify-ca", allow_functions: ["pg_sleep"] });
  });

  it("with AWS in place of a password has neither user nor password", () => {
    const form = { ...emptyForm("redshift"), login: "iam" as const, user: "x", host: "h" };
    expect(databaseOf("redshift", form, "${secret:P}")).toEqual({ host: "h", iam: {} });
  });

  it("says all that is missing at once", () => {
    expect(Object.keys(problemsOf("redshift", emptyForm("redshift"), []))).toEqual([
      "name",
      "host",
      "database",
      "user",
      "password",
    ]);
    const form = { ...emptyForm("sqlite", "shop"), path: "shop.db" };
    expect(problemsOf("sqlite", form, ["shop"])).toHaveProperty("name");
    expect(problemsOf("sqlite", form, [])).toEqual({});
  });

  it("does not show what it would lose", () => {
    expect(fitsForm({ url: "${env:URL}" })).toBe(false);
    expect(fitsForm({ host: "h", port: "${env:PORT}" })).toBe(false);
    expect(fitsForm({ host: "h" })).toBe(true);
  });
});

it("names a secret after what uses it, and takes none of another", () => {
  expect(secretName("ware-house", "main", [])).toBe("WARE_HOUSE_PASSWORD");
  expect(secretName("shop", "replica", ["SHOP_REPLICA_PASSWORD"])).toBe("SHOP_REPLICA_PASSWORD_2");
  expect(secretName("2nd", "main", [])).toBe("_2ND_PASSWORD");
});
