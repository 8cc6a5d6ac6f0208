/** Live updates while the shell is there. Their code is loaded after the first paint. */
import { useQueryClient } from "@tanstack/react-query";
import { useRouter } from "@tanstack/react-router";
import { useEffect } from "react";

export function useLiveUpdates() {
  const client = useQueryClient();
  const router = useRouter();
  useEffect(() => {
    let isOver = false;
    // A screen whose code did not arrive.
    const retry = () => {
      if (router.state.matches.some(({ status }) => status === "error")) void router.invalidate();
    };
    let stop: (() => void) | undefined;
    void import("../api/live/updates").then(({ startLiveUpdates }) => {
      if (!isOver) stop = startLiveUpdates(client, retry);
    });
    return () => {
      isOver = true;
      stop?.();
    };
  }, [client, router]);
}
