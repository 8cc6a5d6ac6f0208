/**
 * Splits what a person pastes into the field Host: a URL, a JDBC string, a list of `key=value`, or an
 * endpoint such as `host:5439/dev`. A plain host name is nothing to split.
 */

export interface DatabaseAddress {
  host: string;
  port?: number;
  database?: string;
  user?: string;
  password?: string;
  ssl?: SslMode;
  /** AWS makes the password of an identity: `jdbc:redshift:iam://…`. */
  iam?: boolean;
}

export const sslModes = ["disable", "prefer", "require", "verify-ca", "verify-full"] as const;
export type SslMode = (typeof sslModes)[number];

const URL_FORM =
  /^(?:jdbc:)?(?:redshift|postgres|postgresql)(?:\+\w+)?(:iam)?:\/\/(?:([^@/?;]*)@)?(\[[^\]]+\]|[^:/?;]+)(?::(\d+))?(?:\/([^?;]*))?(?:[?;](.*))?$/i;
const ENDPOINT = /^([\w.-]+\.[\w.-]+|localhost):(\d+)\/([\w-]+)$/;

export function splitAddress(pasted: string): DatabaseAddress | null {
  const text = pasted.trim().replace(/^(["'])(.*)\1$/s, "$2");
  const url = URL_FORM.exec(text);
  if (url) return ofUrl(url);
  const endpoint = ENDPOINT.exec(text);
  if (endpoint) return { host: endpoint[1]!, port: Number(endpoint[2]), database: endpoint[3]! };
  return ofWords(text);
}

function ofUrl([, iam, login, host, port, database, rest]: RegExpExecArray): DatabaseAddress {
  const found = fromKeys(pairs(rest ?? "", /[&;]/));
  const [user, ...password] = (login ?? "").split(":");
  return {
    ...found,
    host: host!.replace(/^\[|\]$/g, ""),
    ...(port ? { port: Number(port) } : {}),
    ...(database ? { database: decoded(database) } : {}),
    ...(user ? { user: decoded(user) } : {}),
    ...(password.length > 0 ? { password: decoded(password.join(":")) } : {}),
    ...(iam ? { iam: true } : {}),
  };
}

/** `host=… port=… dbname=…`, with quotes around what has spaces. */
function ofWords(text: string): DatabaseAddress | null {
  const words = [...text.matchAll(/(\w+)\s*=\s*(?:'((?:[^'\\]|\\.)*)'|(\S+))/g)];
  const found = new Map(
    words.map(([, key, quoted, plain]) => [key!.toLowerCase(), quoted ?? plain ?? ""]),
  );
  const host = found.get("host") ?? found.get("hostaddr");
  if (!host || words.length < 2) return null;
  const port = Number(found.get("port"));
  return {
    ...fromKeys(found),
    host,
    ...(port > 0 ? { port } : {}),
    ...(found.has("dbname") ? { database: found.get("dbname")! } : {}),
  };
}

function pairs(text: string, between: RegExp): Map<string, string> {
  const parts = text.split(between).filter((part) => part.includes("="));
  return new Map(
    parts.map((part) => {
      const at = part.indexOf("=");
      return [part.slice(0, at).trim().toLowerCase(), decoded(part.slice(at + 1))];
    }),
  );
}

/** The names that drivers have for the same thing. */
function fromKeys(found: Map<string, string>): Omit<DatabaseAddress, "host"> {
  const first = (...names: string[]) => names.map((name) => found.get(name)).find(Boolean);
  const user = first("user", "uid", "username");
  const password = first("password", "pwd");
  const mode = first("sslmode")?.toLowerCase();
  const ssl =
    sslModes.find((one) => one === mode) ??
    (mode === "allow" ? "prefer" : first("ssl") === "true" ? "require" : undefined);
  return {
    ...(user ? { user } : {}),
    ...(password ? { password } : {}),
    ...(ssl ? { ssl } : {}),
  };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
