/** The frame of all screens: navigation, header, and what lies over the page. */
import { Outlet, useNavigate, useRouterState } from "@tanstack/react-router";
import { lazy, Suspense, useEffect, useMemo, useRef, useState } from "react";

import { sessionExpired } from "../api/session";
import { useShortcuts } from "../lib/shortcuts";
import { useStore } from "../lib/store";
import { Header } from "./Header";
import { Nav } from "./Nav";
import { screens } from "./screens";
import css from "./shell.module.css";
import { useLiveUpdates } from "./use-live-updates";

const Palette = lazy(() => import("./Palette"));
const Keys = lazy(() => import("./Keys"));
const SignInAgain = lazy(() => import("./SignInAgain"));

type Over = "palette" | "keys" | null;

export function Shell() {
  useLiveUpdates();
  const [over, setOver] = useState<Over>(null);
  const [isNavOpen, setNavOpen] = useState(false);
  const isExpired = useStore(sessionExpired);
  const path = useRouterState({ select: (state) => state.location.pathname });
  useKeys(setOver);

  useEffect(() => {
    if (!isNavOpen) return;
    document.querySelector<HTMLElement>("#nav a")?.focus();
    const onKey = (event: KeyboardEvent) => event.key === "Escape" && setNavOpen(false);
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, [isNavOpen]);

  return (
    <div className={css.shell}>
      <a className={css.skip} href="#main">
        Skip to the content
      </a>
      <Nav isOpen={isNavOpen} onGo={() => setNavOpen(false)} />
      {isNavOpen && (
        <button
          type="button"
          className={css.scrim}
          aria-label="Close the areas"
          onClick={() => setNavOpen(false)}
        />
      )}
      <div className={css.column}>
        <Header
          isNavOpen={isNavOpen}
          onNav={() => setNavOpen(!isNavOpen)}
          onPalette={() => setOver("palette")}
          onHelp={() => setOver("keys")}
        />
        <main id="main" className={css.main} tabIndex={-1} data-path={path}>
          <Outlet />
        </main>
      </div>
      <Suspense fallback={null}>
        {over === "palette" && <Palette onClose={() => setOver(null)} />}
        {over === "keys" && <Keys onClose={() => setOver(null)} />}
        {isExpired && <SignInAgain />}
      </Suspense>
    </div>
  );
}

/** `Ctrl+K` works everywhere; single keys only if the person wants them. */
function useKeys(setOver: (over: Over) => void) {
  const navigate = useNavigate();
  const latest = useRef(setOver);
  useEffect(() => {
    latest.current = setOver;
  });
  const actions = useMemo(
    () => ({
      ...Object.fromEntries(
        screens.flatMap(({ to, keys }) => (keys ? [[keys, () => void navigate({ to })]] : [])),
      ),
      "?": () => latest.current("keys"),
      "/": () => document.querySelector<HTMLElement>("[data-filter]")?.focus(),
    }),
    [navigate],
  );
  useShortcuts(actions);
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.key.toLowerCase() !== "k" || !(event.ctrlKey || event.metaKey)) return;
      event.preventDefault();
      latest.current("palette");
    };
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, []);
}
