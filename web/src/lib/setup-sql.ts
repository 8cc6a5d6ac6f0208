/**
 * The SQL for an account that reads and can do nothing else, from names as they are typed. Once the
 * database is saved, the server makes the script, and knows more about it.
 */

export interface ServiceAccount {
  kind: "redshift" | "postgres";
  database: string;
  user: string;
  schemas: readonly string[];
}

export function setupSql({ kind, database, user, schemas }: ServiceAccount): string {
  const [account, base] = [quotedName(user), quotedName(database)];
  const parts = [
    "-- A service account for Outflow: it reads, and can do nothing else.\n" +
      `-- Run this in database ${oneLine(base)} as a superuser, or as the owner of the tables.`,
    "-- Who logs in. Write a password in quotes in place of <password>.\n" +
      `CREATE USER ${account} PASSWORD <password>` +
      (kind === "redshift" ? " CONNECTION LIMIT 10 SESSION TIMEOUT 3600;" : ";"),
  ];
  if (kind === "postgres") {
    parts.push(
      "-- Its transactions begin as read-only ones.\n" +
        `ALTER USER ${account} SET default_transaction_read_only = on;`,
      "-- It may connect to this database.\n" + `GRANT CONNECT ON DATABASE ${base} TO ${account};`,
    );
  }
  for (const schema of schemas) {
    const name = quotedName(schema);
    parts.push(
      `-- It may look up the names in schema ${oneLine(name)}.\n` +
        `GRANT USAGE ON SCHEMA ${name} TO ${account};`,
      "-- It may read the tables and views that are there now,\n" +
        `GRANT SELECT ON ALL TABLES IN SCHEMA ${name} TO ${account};`,
      "-- and those that whoever runs this makes there later.\n" +
        `ALTER DEFAULT PRIVILEGES IN SCHEMA ${name} GRANT SELECT ON TABLES TO ${account};`,
    );
  }
  return parts.join("\n\n") + "\n";
}

/** `sales, crm` as names; without any, `public`. */
export function schemaNames(text: string): string[] {
  const names = text
    .split(",")
    .map((name) => name.trim())
    .filter(Boolean);
  return names.length > 0 ? [...new Set(names)] : ["public"];
}

function quotedName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** What stands in a comment must not end it. */
function oneLine(name: string): string {
  return name.replace(/\p{C}/gu, " ");
}
