/** The first rows of a run that is not made: the rows, their calls, and the requests for them. */
import { queryOptions } from "@tanstack/react-query";
import { api, ask } from "../client";
import { keys } from "../keys";

export interface PreviewWindow {
  /** The first run, in place of the next one. */
  first?: boolean;
  /** A run that begins at this time. */
  since?: string;
}

export const PREVIEW_ROWS = 50;

type Shown = "rows" | "calls" | "requests";

export function previewQuery(sync: string, window: PreviewWindow, shown: Shown, isAsked: boolean) {
  return queryOptions({
    queryKey: ["preview", ...keys.sync(sync), window, shown],
    // Closing the connection cancels the query.
    queryFn: ({ signal }) => {
      const body = {
        ...window,
        limit: PREVIEW_ROWS,
        ...(shown === "rows" ? {} : { [shown]: true }),
      };
      return ask(
        api.POST("/api/v1/syncs/{sync}/preview", { params: { path: { sync } }, body, signal }),
      );
    },
    enabled: isAsked,
    // It asks a database: again only if a person wants it.
    staleTime: Infinity,
    refetchOnWindowFocus: false,
    retry: false,
  });
}
