/** Live updates while the shell is there. Their code is loaded after the first paint. */
import { useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";

export function useLiveUpdates() {
  const client = useQueryClient();
  useEffect(() => {
    let isOver = false;
    let stop: (() => void) | undefined;
    void import("../api/live/updates").then(({ startLiveUpdates }) => {
      if (!isOver) stop = startLiveUpdates(client);
    });
    return () => {
      isOver = true;
      stop?.();
    };
  }, [client]);
}
