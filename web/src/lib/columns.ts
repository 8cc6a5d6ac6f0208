/**
 * Where the columns of a query go in a call, as `docs/reference/calls.md` says it. For people who
 * look at a query: the server decides, and its answer counts.
 */
import type { CallType } from "../api/types";

interface Shape {
  /** Sentences of what a row must have. */
  required: string;
  /** Each group needs one of its names. */
  needs: readonly (readonly string[])[];
  reserved: readonly string[];
  /** Where every other column goes. */
  rest: "traits" | "properties" | null;
}

const common = ["timestamp", "messageId", "context", "integrations"];

export const shapes: Record<CallType, Shape> = {
  identify: {
    required: "userId, anonymousId or email",
    needs: [["userId", "anonymousId", "email"]],
    reserved: ["userId", "anonymousId", "traits", ...common],
    rest: "traits",
  },
  track: {
    required: "event, and userId or anonymousId",
    needs: [["event"], ["userId", "anonymousId"]],
    reserved: ["event", "userId", "anonymousId", "properties", ...common],
    rest: "properties",
  },
  group: {
    required: "groupId; userId is wanted",
    needs: [["groupId"]],
    reserved: ["groupId", "userId", "anonymousId", "objectTypeId", "traits", ...common],
    rest: "traits",
  },
  page: {
    required: "name, and userId or anonymousId",
    needs: [["name"], ["userId", "anonymousId"]],
    reserved: ["name", "userId", "anonymousId", "category", "properties", ...common],
    rest: "properties",
  },
  screen: {
    required: "name, and userId or anonymousId",
    needs: [["name"], ["userId", "anonymousId"]],
    reserved: ["name", "userId", "anonymousId", "properties", ...common],
    rest: "properties",
  },
  alias: {
    required: "previousId and userId",
    needs: [["previousId"], ["userId"]],
    reserved: ["previousId", "userId", "anonymousId", ...common],
    rest: null,
  },
};

export interface Target {
  column: string;
  /** Where it goes in the call: `userId`, `traits.plan`; null: nowhere. */
  path: string | null;
  kind: "field" | "context" | "rest" | "none";
  /** A reserved name that was probably meant. */
  meant?: string;
}

/** How many letters have to be changed, added, removed or swapped with their neighbour. */
export function distance(a: string, b: string): number {
  const rows = Array.from({ length: a.length + 1 }, (_, i) =>
    Array.from({ length: b.length + 1 }, (_, j) => (i === 0 ? j : j === 0 ? i : 0)),
  );
  for (let i = 1; i <= a.length; i++) {
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1;
      let best = Math.min(rows[i - 1]![j]! + 1, rows[i]![j - 1]! + 1, rows[i - 1]![j - 1]! + cost);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        best = Math.min(best, rows[i - 2]![j - 2]! + 1);
      }
      rows[i]![j] = best;
    }
  }
  return rows[a.length]![b.length]!;
}

const squeezed = (name: string) => name.toLowerCase().replace(/[_\-\s]/g, "");

/** The reserved name that a column nearly has: `usr_id` is nearly `userId`. */
function meantBy(column: string, shape: Shape, taken: ReadonlySet<string>): string | undefined {
  const wanted = [...new Set([...shape.needs.flat(), ...shape.reserved.slice(0, 5)])];
  return wanted.find((name) => {
    if (taken.has(name.toLowerCase())) return false;
    const [is, would] = [squeezed(column), squeezed(name)];
    return is === would || (would.length > 4 && distance(is, would) <= (would.length > 7 ? 2 : 1));
  });
}

export function targetsOf(type: CallType, columns: readonly string[]): Target[] {
  const shape = shapes[type];
  const taken = new Set(columns.map((column) => column.toLowerCase()));
  return columns.map((column): Target => {
    const lower = column.toLowerCase();
    const reserved = shape.reserved.find((name) => name.toLowerCase() === lower);
    if (reserved) return { column, path: reserved, kind: "field" };
    const [head] = column.split(".");
    const within = ["context", "integrations", shape.rest ?? ""].includes(head!.toLowerCase());
    if (column.includes(".") && within) return { column, path: column, kind: "context" };
    const meant = meantBy(column, shape, taken);
    const rest: Target = shape.rest
      ? { column, path: `${shape.rest}.${column}`, kind: "rest" }
      : { column, path: null, kind: "none" };
    return meant ? { ...rest, meant } : rest;
  });
}

/** What no column fills: a group of names of which one is needed. */
export function missingOf(type: CallType, columns: readonly string[]): (readonly string[])[] {
  const have = new Set(columns.map((column) => column.toLowerCase()));
  return shapes[type].needs.filter((names) => !names.some((name) => have.has(name.toLowerCase())));
}
