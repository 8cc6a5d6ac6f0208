/** Checking the audit log's chain, and one entry of it. */
import { queryOptions, useMutation } from "@tanstack/react-query";
import { api, ask } from "../client";
import { keys } from "../keys";

export function useVerifyAudit() {
  return useMutation({
    mutationFn: () => ask(api.POST("/api/v1/audit/verify", { body: {} })),
  });
}

/** The entry with this number; undefined if it is not kept. A page begins below its cursor. */
export function auditEntryQuery(number: number) {
  return queryOptions({
    queryKey: [...keys.audit, "entry", number],
    queryFn: async () => {
      const query = { cursor: String(number + 1), limit: 1 };
      const { items } = await ask(api.GET("/api/v1/audit", { params: { query } }));
      return items.find((entry) => entry.number === number) ?? null;
    },
    staleTime: Infinity,
  });
}
