/** Who did what. */
import { infiniteQueryOptions } from "@tanstack/react-query";
import { api, ask } from "../client";
import { keys } from "../keys";

export interface AuditFilter {
  actor?: string;
  action?: string;
  subject?: string;
  since?: string;
  until?: string;
}

export function auditQuery(filter: AuditFilter = {}) {
  return infiniteQueryOptions({
    queryKey: [...keys.audit, filter],
    queryFn: ({ pageParam }) => {
      const query = { ...filter, ...(pageParam ? { cursor: pageParam } : {}) };
      return ask(api.GET("/api/v1/audit", { params: { query } }));
    },
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
  });
}
