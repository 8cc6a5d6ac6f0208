/**
 * Tooltips: one host for the whole page. Whatever has `data-tip="…"` gets one on hover and on
 * focus, so that a table of a thousand times costs nothing. It stays while the pointer is on it, and
 * Escape closes it (WCAG 1.4.13).
 */
import { useEffect, useRef, useState } from "react";
import css from "./tooltip.module.css";

const HOVER_MS = 350;
const LEAVE_MS = 120;
const GAP = 6;
const ID = "tooltip";

/** Parts of drawings have tooltips, too. */
type Target = HTMLElement | SVGElement;

interface Shown {
  target: Target;
  text: string;
}

function targetOf(event: Event): Target | null {
  const found = event.target instanceof Element ? event.target.closest("[data-tip]") : null;
  const isTarget = found instanceof HTMLElement || found instanceof SVGElement;
  return isTarget && found.dataset.tip ? found : null;
}

/** Below its target, above where there is no room, and within the window. */
function place(tip: HTMLElement, target: Target) {
  const [at, size] = [target.getBoundingClientRect(), tip.getBoundingClientRect()];
  const below = at.bottom + GAP;
  const top = below + size.height > window.innerHeight ? at.top - GAP - size.height : below;
  const middle = at.left + at.width / 2 - size.width / 2;
  const left = Math.max(8, Math.min(middle, window.innerWidth - size.width - 8));
  tip.style.top = `${Math.max(8, top)}px`;
  tip.style.left = `${left}px`;
}

export function TooltipHost() {
  const [shown, setShown] = useState<Shown | null>(null);
  const tip = useRef<HTMLDivElement>(null);

  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const after = (ms: number, next: Shown | null) => {
      clearTimeout(timer);
      timer = setTimeout(() => setShown(next), ms);
    };
    const show = (ms: number) => (event: Event) => {
      const target = targetOf(event);
      if (target) after(ms, { target, text: target.dataset.tip! });
      else if (tip.current?.contains(event.target as Node)) clearTimeout(timer);
    };
    const over = show(HOVER_MS);
    const out = (event: Event) => {
      if (targetOf(event) || tip.current?.contains(event.target as Node)) after(LEAVE_MS, null);
    };
    const focus = (event: Event) => {
      if ((event.target as Element).matches(":focus-visible")) show(0)(event);
    };
    const hide = () => after(0, null);
    const key = (event: KeyboardEvent) => event.key === "Escape" && hide();
    document.addEventListener("pointerover", over);
    document.addEventListener("pointerout", out);
    document.addEventListener("focusin", focus);
    document.addEventListener("focusout", hide);
    document.addEventListener("pointerdown", hide);
    document.addEventListener("keydown", key);
    return () => {
      clearTimeout(timer);
      document.removeEventListener("pointerover", over);
      document.removeEventListener("pointerout", out);
      document.removeEventListener("focusin", focus);
      document.removeEventListener("focusout", hide);
      document.removeEventListener("pointerdown", hide);
      document.removeEventListener("keydown", key);
    };
  }, []);

  useEffect(() => {
    const element = tip.current;
    if (!shown || !element || !shown.target.isConnected) return;
    // The top layer: a dialog does not cover it.
    element.showPopover();
    place(element, shown.target);
    const isName = shown.target.getAttribute("aria-label") === shown.text;
    if (!isName) shown.target.setAttribute("aria-describedby", ID);
    const hide = () => setShown(null);
    window.addEventListener("scroll", hide, { capture: true, once: true });
    return () => {
      window.removeEventListener("scroll", hide, { capture: true });
      if (!isName) shown.target.removeAttribute("aria-describedby");
      if (element.isConnected && element.matches(":popover-open")) element.hidePopover();
    };
  }, [shown]);

  return (
    <div ref={tip} id={ID} role="tooltip" popover="manual" className={css.tip}>
      {shown?.text}
    </div>
  );
}
