/** Loads the next page of a list before its end is seen. The button below the list stays. */
import { useEffect, useRef } from "react";
import type { More } from "./DataTable";

const AHEAD_PX = 800;

export function LoadAhead({ more }: { more: More }) {
  const end = useRef<HTMLDivElement>(null);
  const { hasMore, isLoading, load } = more;
  useEffect(() => {
    if (!end.current || !hasMore || isLoading) return;
    const observer = new IntersectionObserver(([entry]) => entry?.isIntersecting && load(), {
      rootMargin: `${AHEAD_PX}px`,
    });
    observer.observe(end.current);
    return () => observer.disconnect();
  }, [hasMore, isLoading, load]);
  return <div ref={end} aria-hidden />;
}
