/** The list of syncs: what narrows it, and the rows with what the screen knows of each. Pure. */
import type { DefinitionDocument, StatusDocument, SyncDocument } from "../../api/types";
import { matches } from "../../lib/search";
import type { SyncsSearch, View } from "./sync-search";
import { stateOf, syncRows, type SyncRow } from "../../lib/sync-state";

export interface ListRow extends SyncRow {
  /** Missing while definitions are not read. */
  definition: DefinitionDocument | undefined;
  isDraft: boolean;
  /** Destinations that take no calls of it: its calls wait. */
  stopped: string[];
}

/** A draft as if it were a sync: what it says of itself. */
function draftSync({ name, value }: DefinitionDocument): SyncDocument {
  const said = (value ?? {}) as Record<string, unknown>;
  const words = (one: unknown): string => (typeof one === "string" ? one : "");
  return {
    sync: name,
    type: (words(said.type) || "identify") as SyncDocument["type"],
    source: words(said.source),
    schedule: "",
    enabled: false,
    paused_since: null,
    destinations: Array.isArray(said.destinations) ? said.destinations.map(String) : [],
    tags: Array.isArray(said.tags) ? said.tags.map(String) : [],
    description: words(said.description),
  };
}

export function listRows(
  syncs: readonly SyncDocument[],
  status: StatusDocument | undefined,
  definitions: readonly DefinitionDocument[],
): ListRow[] {
  const ofSyncs = definitions.filter(({ kind }) => kind === "sync");
  const byName = new Map(ofSyncs.map((one) => [one.name, one]));
  const known = new Set(syncs.map(({ sync }) => sync));
  const drafts = ofSyncs.filter(({ status: state, name }) => state === "draft" && !known.has(name));
  return [
    ...syncRows(syncs, status).map((row) => ({
      ...row,
      definition: byName.get(row.sync.sync),
      isDraft: false,
      stopped: stoppedOf(row.sync.sync, status),
    })),
    ...drafts.map((definition) => ({
      sync: draftSync(definition),
      status: undefined,
      definition,
      isDraft: true,
      stopped: [],
    })),
  ];
}

function stoppedOf(sync: string, status: StatusDocument | undefined): string[] {
  const waiting = status?.waiting ?? [];
  return waiting.filter((one) => one.stopped && one.sync === sync).map((one) => one.destination);
}

/** A sync whose run only waits for a destination does not send. */
export function listState(row: ListRow): string {
  if (row.isDraft) return "draft";
  const state = stateOf(row);
  return state === "delivering" && row.stopped.length > 0 ? "stopped" : state;
}

const TROUBLE = new Set([
  "failed",
  "lost",
  "partial",
  "awaiting_approval",
  "succeeded_with_rejected",
  "stopped",
]);
const RUNNING = new Set(["queued", "extracting", "delivering"]);

export function isIn(view: View, row: ListRow): boolean {
  const state = listState(row);
  switch (view) {
    case "trouble":
      return TROUBLE.has(state) || row.stopped.length > 0;
    case "running":
      return RUNNING.has(state);
    default:
      return state === view;
  }
}

export function fits(search: SyncsSearch, row: ListRow): boolean {
  const { sync } = row;
  return (
    (!search.view || isIn(search.view, row)) &&
    (!search.type || sync.type === search.type) &&
    (!search.source ||
      sync.source === search.source ||
      sync.source.split(".")[0] === search.source) &&
    (!search.destination || sync.destinations.includes(search.destination)) &&
    (!search.tag || sync.tags.includes(search.tag)) &&
    matches(
      search.filter,
      sync.sync,
      sync.description,
      sync.source,
      sync.type,
      ...sync.destinations,
      ...sync.tags,
    )
  );
}
