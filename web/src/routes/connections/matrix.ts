/** Every pair of a source and a destination, connected or not. */
import type { ConnectionDocument, SyncDocument, UsageDocument } from "../../api/types";

export interface Pair {
  source: string;
  destination: string;
  /** All syncs of the source send to it that name no destinations themselves. */
  isOn: boolean;
  /** Syncs that send to it. */
  syncs: string[];
  /** Syncs of the source that would send to it if it were switched on, or still do by themselves. */
  follow: string[];
}

interface Known {
  sources: readonly string[];
  destinations: readonly string[];
  connections: readonly ConnectionDocument[];
  syncs: readonly SyncDocument[];
  /** Syncs that name their destinations themselves. */
  own: ReadonlySet<string>;
}

export function pairsOf({ sources, destinations, connections, syncs, own }: Known): Pair[] {
  return sources.flatMap((source) =>
    destinations.map((destination) => {
      const known = connections.find(
        (one) => one.source === source && one.destination === destination,
      );
      const ofSource = syncs.filter((sync) => sync.source.split(".")[0] === source);
      return {
        source,
        destination,
        isOn: known?.of_source ?? false,
        syncs: known?.syncs ?? [],
        follow: ofSource.map(({ sync }) => sync).filter((sync) => !own.has(sync)),
      };
    }),
  );
}

/** Rows that a run of the syncs has read, on average of this month; null if none ran. */
export function rowsARun(
  syncs: readonly string[],
  usage: UsageDocument | undefined,
): number | null {
  const read = (usage?.read ?? []).filter(({ sync, runs }) => syncs.includes(sync) && runs > 0);
  if (read.length === 0) return null;
  return Math.round(read.reduce((sum, { rows, runs }) => sum + rows / runs, 0));
}
