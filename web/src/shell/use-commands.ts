/** The commands of the palette: screens, what the project has, and what can be done with it. */
import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useMemo } from "react";
import { destinationsQuery } from "../api/queries/destinations";
import { useMe } from "../api/queries/me";
import { sourcesQuery } from "../api/queries/sources";
import { syncsQuery } from "../api/queries/syncs";
import { usePauseSync, useStartRun } from "../api/queries/sync-actions";
import { setPreferences } from "../lib/preferences";
import type { Command } from "./palette";
import { screens } from "./screens";

const NONE: string[] = [];

/** The commands, and what the last one that changed something came to. */
export function useCommands() {
  const navigate = useNavigate();
  const permissions = useMe().data?.permissions ?? NONE;
  const may = (permission: string) => permissions.includes(permission);
  const enabled = may("project.read");
  const syncs = useQuery({ ...syncsQuery, enabled }).data?.syncs;
  const sources = useQuery({ ...sourcesQuery, enabled }).data?.items;
  const destinations = useQuery({ ...destinationsQuery, enabled }).data?.items;
  const { mutate: start, error: startError } = useStartRun();
  const { mutate: pause, error: pauseError } = usePauseSync();
  const [mayRun, mayPause, mayWrite] = [
    may("runs.start"),
    may("pauses.write"),
    may("project.write"),
  ];

  const commands = useMemo(() => {
    const go: Command[] = screens
      .filter(({ needs }) => permissions.includes(needs))
      .map(({ to, name, keys }) => ({
        id: to,
        group: "Go to",
        name,
        ...(keys ? { hint: keys } : {}),
        run: () => void navigate({ to }),
      }));
    const ofSyncs: Command[] = (syncs ?? []).map(({ sync, type, source }) => ({
      id: `sync ${sync}`,
      group: "Syncs",
      name: sync,
      hint: `${type} from ${source}`,
      run: () => void navigate({ to: "/syncs/$sync", params: { sync } }),
    }));
    const names = [...new Set((sources ?? []).map(({ source }) => source))];
    const ofSources: Command[] = names.map((source) => ({
      id: `source ${source}`,
      group: "Sources",
      name: source,
      run: () => void navigate({ to: "/sources/$source", params: { source } }),
    }));
    const ofDestinations: Command[] = (destinations ?? []).map(({ destination, type }) => ({
      id: `destination ${destination}`,
      group: "Destinations",
      name: destination,
      hint: type,
      run: () => void navigate({ to: "/destinations/$destination", params: { destination } }),
    }));
    const runs: Command[] = (mayRun ? (syncs ?? []) : []).map(({ sync }) => ({
      id: `run ${sync}`,
      group: "Actions",
      name: `Run ${sync} now`,
      run: () =>
        start({ sync }, { onSuccess: () => void navigate({ to: "/runs", search: { sync } }) }),
    }));
    const pauses: Command[] = (mayPause ? (syncs ?? []) : []).map(({ sync, paused_since }) => ({
      id: `pause ${sync}`,
      group: "Actions",
      name: paused_since ? `Resume ${sync}` : `Pause ${sync}`,
      run: () => pause({ sync, pause: !paused_since }),
    }));
    const adds: Command[] = mayWrite
      ? [
          {
            id: "add source",
            group: "Actions",
            name: "Add Source",
            run: () => void navigate({ to: "/sources/new" }),
          },
          {
            id: "add destination",
            group: "Actions",
            name: "Add Destination",
            run: () => void navigate({ to: "/destinations/catalogue" }),
          },
        ]
      : [];
    const themes: Command[] = (["system", "light", "dark"] as const).map((theme) => ({
      id: `theme ${theme}`,
      group: "Actions",
      name: `Theme: ${theme}`,
      run: () => setPreferences({ theme }),
    }));
    const account: Command = {
      id: "me",
      group: "Go to",
      name: "Your account",
      run: () => void navigate({ to: "/me" }),
    };
    return [
      ...go,
      account,
      ...ofSyncs,
      ...ofSources,
      ...ofDestinations,
      ...adds,
      ...runs,
      ...pauses,
      ...themes,
    ];
  }, [
    permissions,
    navigate,
    syncs,
    sources,
    destinations,
    mayRun,
    mayPause,
    mayWrite,
    start,
    pause,
  ]);
  return { commands, error: startError ?? pauseError };
}
