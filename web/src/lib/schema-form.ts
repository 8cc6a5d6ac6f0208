/**
 * Fields of a form made from a JSON Schema of settings, and the settings made from what was typed.
 * It knows the shapes that Outflow's schemas have: texts, numbers, choices, switches, tables of
 * texts, lists of texts, and secrets (`writeOnly`). Everything else is JSON.
 */

export type FieldKind =
  "text" | "secret" | "number" | "choice" | "switch" | "table" | "list" | "json";

export interface SchemaField {
  key: string;
  kind: FieldKind;
  label: string;
  help: string;
  required: boolean;
  /** What holds if nothing is said. */
  fallback: string | null;
  choices: string[];
  minimum: number | null;
  maximum: number | null;
  /** A number can stand in the text: digits alone are one. */
  isNumeric?: boolean;
}

/** What stands in the fields: a text each; a table or a list has a line for each entry. */
export type Typed = Record<string, string>;
export type Settings = Record<string, unknown>;

type Schema = Record<string, unknown>;

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function typesOf(schema: Schema): string[] {
  const own = Array.isArray(schema.type) ? schema.type : [schema.type];
  const any = Array.isArray(schema.anyOf) ? schema.anyOf.filter(isRecord).flatMap(typesOf) : [];
  return [...own, ...any].filter((type): type is string => typeof type === "string");
}

/** A reference in place of a number, such as `${env:N}`, needs a text field all the same. */
function kindOf(schema: Schema): FieldKind {
  if (schema.writeOnly === true) return "secret";
  if (Array.isArray(schema.enum)) return "choice";
  const types = typesOf(schema);
  if (types.length === 1 && types[0] === "boolean") return "switch";
  if (types.length === 1 && types[0] === "integer") return "number";
  if (types.includes("string")) return "text";
  if (types.includes("object") && isRecord(schema.additionalProperties)) return "table";
  if (types.includes("array") && isRecord(schema.items) && typesOf(schema.items).includes("string"))
    return "list";
  return "json";
}

const WORDS: Record<string, string> = {
  url: "URL",
  base_url: "Base URL",
  data_plane_url: "Data plane URL",
  ca: "Certificate authorities",
  gzip: "Compress requests",
  max_calls: "Calls in a request",
  max_bytes: "Bytes of a request",
  max_file_bytes: "Bytes of a file",
  rate: "Requests per second",
  concurrency: "Requests at a time",
  path: "Folder",
  extractions: "Queries at a time",
  per_database: "Queries on one database",
  backlog: "Room for waiting calls",
  backlog_age: "Longest wait of runs",
  audit_after: "Recount of runs",
  keep: "Kept for",
  max_run_bytes: "Most bytes of a run",
  failed_runs: "Failed runs in a row",
  rejected_percent: "Rejected rows, %",
  skipped_percent: "Skipped slots, %",
  no_success_for: "No success for",
  disk_above_reserve: "Free space above the reserve",
};

/** `write_key` becomes `Write key`. */
export function labelOf(key: string): string {
  const words = key.replaceAll("_", " ");
  return WORDS[key] ?? words.charAt(0).toUpperCase() + words.slice(1);
}

function numberOr(value: unknown): number | null {
  return typeof value === "number" ? value : null;
}

export function fieldsOf(schema: Schema): SchemaField[] {
  const properties = isRecord(schema.properties) ? schema.properties : {};
  const required = Array.isArray(schema.required) ? schema.required : [];
  const fields = Object.entries(properties).flatMap(([key, property]): SchemaField[] => {
    if (!isRecord(property)) return [];
    const said = defaultIn(typeof property.description === "string" ? property.description : "");
    const fallback = property.default ?? said.fallback;
    return [
      {
        key,
        kind: kindOf(property),
        label: labelOf(key),
        help: said.help === "" ? "" : sentence(said.help),
        required: required.includes(key),
        fallback: fallback === undefined ? null : String(fallback),
        choices: Array.isArray(property.enum) ? property.enum.map(String) : [],
        minimum: numberOr(property.minimum),
        maximum: numberOr(property.maximum),
        isNumeric: typesOf(property).includes("integer"),
      },
    ];
  });
  return [...fields.filter((field) => field.required), ...fields.filter(({ required: r }) => !r)];
}

/** Some descriptions end with the default: `queries that run at a time; 8 by default`. */
function defaultIn(text: string): { help: string; fallback?: string } {
  const found = /;\s*((?:more|less) than [^\s;]+|[^\s;]+) by default(?:, (.+))?$/.exec(text);
  if (!found) return { help: text };
  const rest = found[2] ? `; ${found[2]}` : "";
  return { help: text.slice(0, found.index) + rest, fallback: found[1]! };
}

function sentence(text: string): string {
  const first = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(first) ? first : `${first}.`;
}

/** What stands in the fields for settings as they are. */
export function typedOf(fields: readonly SchemaField[], settings: Settings): Typed {
  return Object.fromEntries(
    fields.map((field) => {
      const value = settings[field.key];
      if (value === undefined || value === null) return [field.key, ""];
      if (field.kind === "table" && isRecord(value)) {
        const lines = Object.entries(value).map(([name, text]) => `${name}: ${String(text)}`);
        return [field.key, lines.join("\n")];
      }
      if (field.kind === "list" && Array.isArray(value)) return [field.key, value.join("\n")];
      return [
        field.key,
        typeof value === "object" ? JSON.stringify(value, null, 2) : String(value),
      ];
    }),
  );
}

function linesOf(text: string): string[] {
  return text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
}

function read(field: SchemaField, text: string): unknown {
  switch (field.kind) {
    case "number": {
      const number = Number(text);
      return text.trim() !== "" && Number.isFinite(number) ? number : text;
    }
    case "switch":
      return text === "true";
    case "list":
      return linesOf(text);
    case "table":
      return Object.fromEntries(
        linesOf(text).map((line) => {
          const [name, ...rest] = line.split(":");
          return [name!.trim(), rest.join(":").trim()];
        }),
      );
    case "json":
      try {
        return JSON.parse(text) as unknown;
      } catch {
        return text;
      }
    default:
      return field.isNumeric && /^\d+$/.test(text.trim()) ? Number(text) : text;
  }
}

/** The settings that the fields say. An empty field says nothing, so that the default holds. */
export function settingsOf(fields: readonly SchemaField[], typed: Typed): Settings {
  return Object.fromEntries(
    fields.flatMap((field) => {
      const text = typed[field.key] ?? "";
      return text.trim() === "" ? [] : [[field.key, read(field, text)]];
    }),
  );
}

/** What is missing or does not fit, by key; the API says the rest. */
export function problemsOf(fields: readonly SchemaField[], typed: Typed): Typed {
  const problems: Typed = {};
  for (const field of fields) {
    const text = (typed[field.key] ?? "").trim();
    if (text === "") {
      if (field.required) problems[field.key] = `${field.label} is needed.`;
      continue;
    }
    if (field.kind === "number") {
      const number = Number(text);
      const { minimum, maximum } = field;
      if (!Number.isInteger(number)) problems[field.key] = "A whole number is needed.";
      else if (minimum !== null && number < minimum)
        problems[field.key] = `At least ${minimum} is needed.`;
      else if (maximum !== null && number > maximum)
        problems[field.key] = `At most ${maximum} is possible.`;
    }
    if (field.kind === "table" && linesOf(text).some((line) => !line.includes(":")))
      problems[field.key] = "Each line is a name, a colon and a value.";
  }
  return problems;
}

/** The merge patch that makes `after` of `before`: a key that is gone is null. */
export function patchOf(before: Settings, after: Settings): Settings {
  const patch: Settings = {};
  for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
    const [old, now] = [before[key], after[key]];
    if (JSON.stringify(old) === JSON.stringify(now)) continue;
    if (now === undefined) patch[key] = null;
    else if (isRecord(old) && isRecord(now)) patch[key] = patchOf(old, now);
    else patch[key] = now;
  }
  return patch;
}

const REFERENCE = /\$\{(env|file|secret):([^}]+)\}/;

/** Whether a text refers to a secret in place of being one. */
export function isReference(text: string): boolean {
  return REFERENCE.test(text);
}

/** The name under which a typed secret is kept: `journeys`, `write_key` give `JOURNEYS_WRITE_KEY`. */
export function secretName(owner: string, key: string): string {
  return `${owner}_${key}`
    .toUpperCase()
    .replace(/[^A-Z0-9]+/g, "_")
    .replace(/^_+|_+$/g, "");
}
