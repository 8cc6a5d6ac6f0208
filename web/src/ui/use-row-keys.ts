/** `j` and `k` move the focus from row to row. Of several tables, the one with the focus counts. */
import { useEffect, type RefObject } from "react";
import { isTyping } from "../lib/shortcuts";
import { preferences } from "../lib/preferences";

export function useRowKeys(body: RefObject<HTMLElement | null>) {
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.key !== "j" && event.key !== "k") return;
      if (!preferences.get().shortcuts || isTyping(event) || !isMine(body.current)) return;
      const links = [...body.current!.querySelectorAll<HTMLElement>("[data-row-link]")];
      const row = document.activeElement?.closest("tr");
      const at = row ? links.findIndex((link) => row.contains(link)) : -1;
      const next = event.key === "j" ? at + 1 : Math.max(at - 1, 0);
      links[Math.min(next, links.length - 1)]?.focus();
      event.preventDefault();
    };
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, [body]);
}

function isMine(body: HTMLElement | null): boolean {
  if (!body) return false;
  const focused = document.activeElement?.closest("[data-rows]");
  return (focused ?? document.querySelector("[data-rows]")) === body;
}
