import { describe, expect, it } from "vitest";
import { splitAddress } from "./database-url";
import { schemaNames, setupSql } from "./setup-sql";
import { toYaml } from "./yaml";

describe("an address that was pasted", () => {
  const host = "c.abc123.eu-central-1.redshift.amazonaws.com";
  it.each([
    [
      `redshift://reader:p%40ss:x@${host}:5439/dev?sslmode=verify-full`,
      { host, port: 5439, database: "dev", user: "reader", password: "p@ss:x", ssl: "verify-full" },
    ],
    [
      `jdbc:redshift://${host}:5439/dev;UID=reader;PWD=a=b;ssl=true`,
      { host, port: 5439, database: "dev", user: "reader", password: "a=b", ssl: "require" },
    ],
    [`jdbc:redshift:iam://${host}:5439/dev`, { host, port: 5439, database: "dev", iam: true }],
    [
      "jdbc:postgresql://db.example/app?user=me&password=x",
      { host: "db.example", database: "app", user: "me", password: "x" },
    ],
    [
      "postgresql+psycopg2://me@[::1]:5433/app",
      { host: "::1", port: 5433, database: "app", user: "me" },
    ],
    [`${host}:5439/dev`, { host, port: 5439, database: "dev" }],
    [
      "host=db.example port=5433 dbname=app user=me password='a b'",
      { host: "db.example", port: 5433, database: "app", user: "me", password: "a b" },
    ],
  ])("is split: %s", (text, expected) => expect(splitAddress(text)).toEqual(expected));

  it.each([host, "localhost", "10.0.0.9", "", "https://example.com/x", "my host"])(
    "stays as it is: %s",
    (text) => expect(splitAddress(text)).toBeNull(),
  );
});

describe("the SQL for a service account", () => {
  const statements = (sql: string) =>
    sql.split("\n").filter((line) => line !== "" && !line.startsWith("--"));

  it("is the same as the server's, for each kind of database", () => {
    const account = { database: "shop", user: "reader", schemas: ["sales"] };
    expect(statements(setupSql({ kind: "redshift", ...account }))).toEqual([
      'CREATE USER "reader" PASSWORD <password> CONNECTION LIMIT 10 SESSION TIMEOUT 3600;',
      'GRANT USAGE ON SCHEMA "sales" TO "reader";',
      'GRANT SELECT ON ALL TABLES IN SCHEMA "sales" TO "reader";',
      'ALTER DEFAULT PRIVILEGES IN SCHEMA "sales" GRANT SELECT ON TABLES TO "reader";',
    ]);
    expect(statements(setupSql({ kind: "postgres", ...account })).slice(0, 3)).toEqual([
      'CREATE USER "reader" PASSWORD <password>;',
      'ALTER USER "reader" SET default_transaction_read_only = on;',
      'GRANT CONNECT ON DATABASE "shop" TO "reader";',
    ]);
  });

  it("lets no odd name out of its quotes or of a comment", () => {
    const sql = setupSql({
      kind: "postgres",
      database: 'a"; DROP DATABASE b;\n--',
      user: 'x"y',
      schemas: schemaNames(" sales, ,sales,crm"),
    });
    expect(sql).toContain('CREATE USER "x""y" PASSWORD');
    expect(sql).not.toMatch(/^DROP|^-- .*\n--" as/m);
    expect(sql.match(/GRANT USAGE/g)).toHaveLength(2);
  });
});

it("writes YAML that other readers take for the same", () => {
  const value = {
    type: "redshift",
    databases: { main: { port: 5439, password: "${secret:P}", user: "no", host: "a.b-c" } },
    destinations: ["journeys", { name: "audit", nulls: "omit" }, "*"],
    query: "SELECT id\n  FROM users",
    tags: [],
    "odd key:": "1.5",
    schedule: { cron: "0 6 * * *" },
  };
  expect(toYaml(value)).toBe(`type: redshift
databases:
  main:
    port: 5439
    password: "\${secret:P}"
    user: "no"
    host: a.b-c
destinations:
  - journeys
  - name: audit
    nulls: omit
  - "*"
query: |-
  SELECT id
    FROM users
tags: []
"odd key:": "1.5"
schedule:
  cron: "0 6 * * *"
`);
});
