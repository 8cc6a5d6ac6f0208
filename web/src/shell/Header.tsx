/** The header: where one is, the palette, whether what one sees is live, the zone, theme, user. */
import { CircleUser, Menu as MenuIcon, Search, Sun } from "lucide-react";
import { lazy, Suspense } from "react";
import { liveState, type LiveState } from "../api/live/state";
import { classes } from "../lib/classes";
import { setPreferences, usePreferences } from "../lib/preferences";
import { useStore } from "../lib/store";
import { localZone } from "../lib/time";
import { Button, IconButton } from "../ui/Button";
import { trailSlot } from "../ui/trail";
import css from "./shell.module.css";

const HeaderMenus = lazy(() => import("./HeaderMenus"));

interface Props {
  isNavOpen: boolean;
  onNav: () => void;
  onPalette: () => void;
  onHelp: () => void;
}

export function Header({ isNavOpen, onNav, onPalette, onHelp }: Props) {
  return (
    <header className={css.header}>
      <IconButton
        icon={MenuIcon}
        label="Areas"
        className={css.menuButton}
        aria-expanded={isNavOpen}
        aria-controls="nav"
        onClick={onNav}
      />
      <nav
        className={css.crumbs}
        aria-label="Where you are"
        ref={(element) => trailSlot.set(element)}
      />
      <LiveDot />
      <button type="button" className={css.search} onClick={onPalette} aria-label="Search and act">
        <Search size={16} strokeWidth={1.75} aria-hidden />
        <span>Search</span>
        <kbd aria-hidden>{isMac() ? "⌘ K" : "Ctrl K"}</kbd>
      </button>
      <ZoneSwitch />
      <Suspense
        fallback={
          <>
            <IconButton icon={Sun} label="Theme" />
            <IconButton icon={CircleUser} label="Account" />
          </>
        }
      >
        <HeaderMenus onHelp={onHelp} />
      </Suspense>
    </header>
  );
}

function isMac(): boolean {
  return /Mac|iPhone|iPad/.test(navigator.userAgent);
}

const liveWords: Record<LiveState, [word: string, tip: string]> = {
  live: ["Live", "What you see changes as it happens."],
  connecting: ["Connecting", "Live updates begin as soon as the server answers."],
  polling: ["Live updates off", "What changes is asked for every 5 seconds."],
};

function LiveDot() {
  const state = useStore(liveState);
  const [word, tip] = liveWords[state];
  const look = state === "polling" ? css.dotOff : state === "connecting" && css.dotConnecting;
  return (
    <span className={css.live} data-tip={tip} data-live={state}>
      <span className={classes(css.dot, look)} aria-hidden />
      <span className={css.liveWord}>{word}</span>
    </span>
  );
}

function ZoneSwitch() {
  const { zone } = usePreferences();
  const local = localZone();
  if (local === "UTC") return null;
  const isUtc = zone === "utc";
  const tip = isUtc ? `Times are in UTC. Show ${local}.` : `Times are in ${local}. Show UTC.`;
  return (
    <Button
      look="quiet"
      small
      className={css.zone}
      data-tip={tip}
      onClick={() => setPreferences({ zone: isUtc ? "local" : "utc" })}
    >
      {isUtc ? "UTC" : "Local"}
      <span className="sr-only"> time zone</span>
    </Button>
  );
}
