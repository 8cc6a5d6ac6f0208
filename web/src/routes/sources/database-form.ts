/**
 * What a person fills in about a database, and the definition that it becomes. Keys that the form
 * does not show stay as they were.
 */
import { sslModes, type DatabaseAddress, type SslMode } from "../../lib/database-url";
import type { Value } from "../../api/queries/definitions";

export type SourceType = "redshift" | "postgres" | "sqlite";
export type Login = "password" | "reference" | "iam";

export interface DatabaseForm {
  name: string;
  host: string;
  port: number | null;
  database: string;
  user: string;
  login: Login;
  password: string;
  /** Such as `${secret:WAREHOUSE_PASSWORD}`. */
  reference: string | null;
  /** Empty: as is usual for the type. */
  ssl: SslMode | "";
  ca: string;
  serverName: string;
  clearText: boolean;
  hasTunnel: boolean;
  tunnel: { host: string; port: number | null; user: string; key: string };
  iam: { region: string; cluster: string; workgroup: string; user: string };
  connectTimeout: string;
  maxQueries: number | null;
  /** Of SQLite. */
  path: string;
}

export const usualPort = { redshift: 5439, postgres: 5432, sqlite: null } as const;
export const usualSsl = { redshift: "verify-full", postgres: "prefer", sqlite: "" } as const;

export function emptyForm(type: SourceType, name = ""): DatabaseForm {
  return {
    name,
    host: "",
    port: usualPort[type],
    database: "",
    user: "",
    login: "password",
    password: "",
    reference: null,
    ssl: usualSsl[type],
    ca: "",
    serverName: "",
    clearText: false,
    hasTunnel: false,
    tunnel: { host: "", port: null, user: "", key: "" },
    iam: { region: "", cluster: "", workgroup: "", user: "" },
    connectTimeout: "",
    maxQueries: null,
    path: "",
  };
}

/** The fields that an address says, in place of what they were. */
export function withAddress(form: DatabaseForm, address: DatabaseAddress): DatabaseForm {
  const { iam, password, ...rest } = address;
  return {
    ...form,
    ...rest,
    ...(password ? { password, login: "password" as const } : {}),
    ...(iam ? { login: "iam" as const } : {}),
  };
}

function object(value: unknown): Value {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Value)
    : {};
}

const text = (value: unknown) => (typeof value === "string" ? value : "");
const number = (value: unknown) => (typeof value === "number" ? value : null);

/** Whether the form can show it: an address from the environment, or a whole URL, it cannot. */
export function fitsForm(database: unknown): boolean {
  const { url, port, max_queries: most, tunnel } = object(database);
  const isNumber = (value: unknown) => value === undefined || typeof value === "number";
  return url === undefined && isNumber(port) && isNumber(most) && isNumber(object(tunnel).port);
}

/** The form of a database that is there. */
export function formOf(type: SourceType, name: string, database: unknown): DatabaseForm {
  const value = object(database);
  const [ssl, tunnel, iam] = [value.ssl, object(value.tunnel), object(value.iam)];
  const mode = text(typeof ssl === "string" ? ssl : object(ssl).mode);
  const hasIam = value.iam !== undefined;
  return {
    ...emptyForm(type, name),
    host: text(value.host),
    port: number(value.port) ?? usualPort[type],
    database: text(value.database),
    user: text(value.user),
    login: hasIam ? "iam" : value.password === undefined ? "password" : "reference",
    reference: text(value.password) || null,
    ssl: sslModes.find((one) => one === mode) ?? usualSsl[type],
    ca: text(object(ssl).ca),
    serverName: text(object(ssl).server_name),
    clearText: value.allow_cleartext_password === true,
    hasTunnel: value.tunnel !== undefined,
    tunnel: {
      host: text(tunnel.host),
      port: number(tunnel.port),
      user: text(tunnel.user),
      key: text(tunnel.key),
    },
    iam: {
      region: text(iam.region),
      cluster: text(iam.cluster),
      workgroup: text(iam.workgroup),
      user: text(iam.user),
    },
    connectTimeout: text(value.connect_timeout),
    maxQueries: number(value.max_queries),
    path: text(value.path),
  };
}

/** What has a value: empty fields are not written. */
function filled(value: Value): Value {
  return Object.fromEntries(
    Object.entries(value).filter(([, one]) => one !== "" && one !== null && one !== undefined),
  );
}

function sslOf(type: SourceType, form: DatabaseForm): unknown {
  const mode = form.ssl === "" ? usualSsl[type] : form.ssl;
  const rest = filled({ ca: form.ca.trim(), server_name: form.serverName.trim() });
  if (Object.keys(rest).length > 0) return { mode, ...rest };
  return mode === usualSsl[type] ? undefined : mode;
}

/** The definition of the database; `before` is what it said, `reference` what stands for the password. */
export function databaseOf(
  type: SourceType,
  form: DatabaseForm,
  reference: string | null,
  before: unknown = {},
): Value {
  const old = object(before);
  if (type === "sqlite") return { ...old, ...filled({ path: form.path.trim() }) };
  const isIam = form.login === "iam";
  const tunnel = filled({ ...form.tunnel, host: form.tunnel.host.trim() });
  const shown: Value = {
    host: form.host.trim(),
    port: form.port === usualPort[type] && old.port === undefined ? undefined : form.port,
    database: form.database.trim(),
    user: isIam ? undefined : form.user.trim(),
    password: isIam ? undefined : reference,
    iam: isIam ? { ...object(old.iam), ...filled(form.iam) } : undefined,
    tunnel: form.hasTunnel ? { ...knownHosts(old), ...tunnel } : undefined,
    ssl: sslOf(type, form),
    allow_cleartext_password: form.clearText || undefined,
    connect_timeout: form.connectTimeout.trim(),
    max_queries: form.maxQueries,
  };
  const kept = Object.entries(old).filter(([key]) => !(key in shown));
  return filled({ ...shown, ...Object.fromEntries(kept) });
}

function knownHosts(old: Value): Value {
  const file = object(old.tunnel).known_hosts;
  return file === undefined ? {} : { known_hosts: file };
}

/** What is missing or cannot be, by field. An empty object: it can be sent. */
export type Problems = Partial<Record<keyof DatabaseForm | "tunnelHost", string>>;

const NAME = /^[A-Za-z0-9_][A-Za-z0-9_-]{0,63}$/;

export function problemsOf(
  type: SourceType,
  form: DatabaseForm,
  taken: readonly string[],
): Problems {
  const problems: Problems = {};
  const needs = (key: keyof DatabaseForm, message: string) => {
    if (form[key] === "" || form[key] === null) problems[key] = message;
  };
  needs("name", "Give it a name.");
  if (form.name !== "" && !NAME.test(form.name)) {
    problems.name = "Use letters, digits, _ and -, at most 64, and no - at the beginning.";
  }
  if (taken.includes(form.name))
    problems.name = `There is one with the name ${form.name} already. Open it to change it.`;
  if (type === "sqlite") {
    needs("path", "Say where the file is on the server's machine.");
    return problems;
  }
  needs("host", "Enter the address of the server.");
  needs("database", "Enter the name of the database on the server.");
  if (form.port === null || !Number.isInteger(form.port) || form.port < 1 || form.port > 65_535) {
    problems.port = "A port is a whole number from 1 to 65535.";
  }
  if (form.hasTunnel && form.tunnel.host.trim() === "") {
    problems.tunnelHost = "Enter the address of the SSH server.";
  }
  if (form.login === "iam") return problems;
  needs("user", "Enter the user who reads.");
  if (form.login === "password") needs("password", "Enter the password of this user.");
  else needs("reference", "Choose a secret.");
  return problems;
}

/** A name for the secret that keeps the password, which no other thing uses. */
export function secretName(source: string, database: string, taken: readonly string[]): string {
  const words = (database === "main" ? [source] : [source, database]).filter(Boolean);
  const base = [...words, "PASSWORD"]
    .join("_")
    .replace(/[^A-Za-z0-9]+/g, "_")
    .toUpperCase();
  const name = /^[0-9]/.test(base) ? `_${base}` : base;
  for (let n = 1; ; n++) {
    const candidate = n === 1 ? name : `${name}_${n}`;
    if (!taken.includes(candidate)) return candidate;
  }
}

/** `NAME` of `${secret:NAME}`. */
export function secretOf(reference: string | null): string | null {
  return /^\$\{secret:([^}]+)\}$/.exec(reference ?? "")?.[1] ?? null;
}
