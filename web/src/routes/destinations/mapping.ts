/** How values of each sync reach a destination, as connections, syncs and sources say it. */
import type { DefinitionDocument, SyncDocument } from "../../api/types";

export interface Mapping {
  sync: string;
  type: string;
  nulls: "send" | "omit";
  /** Who says what becomes of NULL. */
  said: string;
  invalid: string;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** What a list of connections says of NULL for this destination. */
function nullsIn(connections: unknown, destination: string): "send" | "omit" | undefined {
  if (!Array.isArray(connections)) return undefined;
  const own = connections.find((one) => isRecord(one) && one.name === destination) as unknown;
  const nulls = isRecord(own) ? own.nulls : undefined;
  return nulls === "omit" || nulls === "send" ? nulls : undefined;
}

/** A sync's own list of connections is in place of its source's. */
export function mappingsOf(
  destination: string,
  syncs: readonly SyncDocument[],
  definitions: readonly DefinitionDocument[],
): Mapping[] {
  const value = (kind: string, name: string) => {
    const found = definitions.find((one) => one.kind === kind && one.name === name)?.value;
    return isRecord(found) ? found : {};
  };
  return syncs
    .filter((sync) => sync.destinations.includes(destination))
    .map(({ sync, type, source }) => {
      const own = value("sync", sync);
      const list = own.destinations ?? value("source", source.split(".")[0]!).destinations;
      const connection = nullsIn(list, destination);
      const usual = own.nulls === "omit" || own.nulls === "send" ? own.nulls : undefined;
      return {
        sync,
        type,
        nulls: connection ?? usual ?? "send",
        said: connection ? "the connection" : usual ? "the sync" : "the default",
        invalid: typeof own.on_invalid_value === "string" ? own.on_invalid_value : "omit_field",
      };
    });
}
