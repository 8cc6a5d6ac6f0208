/** Rows read and calls sent, by month, sync and destination. */
import { queryOptions } from "@tanstack/react-query";
import { api, ask } from "../client";
import { keys } from "../keys";

export interface UsageFilter {
  /** Such as `2026-11`; without it, the present month. */
  month?: string;
  sync?: string;
  /** Each day apart. */
  days?: boolean;
}

export function usageQuery(query: UsageFilter = {}) {
  return queryOptions({
    queryKey: [...keys.usage, query],
    queryFn: () => ask(api.GET("/api/v1/usage", { params: { query } })),
  });
}
