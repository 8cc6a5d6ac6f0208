/**
 * A long list of runs. Live events make the newest page stale, and that one alone: however many
 * pages a person has loaded, an event costs one request.
 */
import {
  infiniteQueryOptions,
  queryOptions,
  useInfiniteQuery,
  useQuery,
} from "@tanstack/react-query";
import { useEffect, useMemo, useState } from "react";
import { mergeRuns } from "../../lib/merge-runs";
import { zoomMs, type Zoom } from "../../lib/zoom";
import { api, ask } from "../client";
import { keys } from "../keys";
import type { RunFilter } from "./runs";

export interface RunListFilter extends RunFilter {
  /** Of the last so much time: counted back when it is asked for. */
  within?: Zoom;
}

const NEWEST = 100;
const OLDER = 200;

function parametersOf({ within, ...filter }: RunListFilter): RunFilter {
  if (!within) return filter;
  return { ...filter, since: new Date(Date.now() - zoomMs[within]).toISOString() };
}

function readPage(filter: RunListFilter, limit: number, cursor: string | null) {
  const query = { ...parametersOf(filter), limit, ...(cursor ? { cursor } : {}) };
  return ask(api.GET("/api/v1/runs", { params: { query } }));
}

export function newestRunsQuery(filter: RunListFilter) {
  return queryOptions({
    queryKey: keys.runList({ ...filter, newest: true }),
    queryFn: () => readPage(filter, NEWEST, null),
  });
}

/** Not under `keys.runs`: events do not have all its pages asked for again. */
function olderRunsQuery(filter: RunListFilter, isWanted: boolean) {
  return infiniteQueryOptions({
    queryKey: ["older-runs", filter],
    queryFn: ({ pageParam }) => readPage(filter, OLDER, pageParam),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
    enabled: isWanted,
    staleTime: Infinity,
    refetchOnWindowFocus: false,
  });
}

export function useRunList(filter: RunListFilter) {
  const key = JSON.stringify(filter);
  const [wanted, setWanted] = useState<string | null>(null);
  const isWanted = wanted === key;
  const newest = useQuery(newestRunsQuery(filter));
  const older = useInfiniteQuery(olderRunsQuery(filter, isWanted));
  const { data, refetch } = older;
  const page = newest.data;
  const isAll = page !== undefined && page.next_cursor == null;
  const merged = useMemo(
    () => mergeRuns(page?.items ?? [], isAll, data?.pages.flatMap(({ items }) => items) ?? []),
    [page, isAll, data],
  );
  useEffect(() => {
    if (merged.hasGap) void refetch();
  }, [merged.hasGap, refetch]);
  const hasMore = page !== undefined && !isAll && (data ? older.hasNextPage : true);
  const more = {
    hasMore,
    isLoading: older.isFetching,
    load: () => {
      if (!isWanted) setWanted(key);
      else if (!older.isFetching) void older.fetchNextPage();
    },
  };
  return { query: newest, rows: merged.rows, more };
}
