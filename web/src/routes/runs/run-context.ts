/** The run that the tabs of a run's screen show, and what is heard of it while it goes on. */
import { createContext, useContext } from "react";
import { nothing, type RunLive } from "../../api/live/run-live";
import type { RunListEntry } from "../../api/types";

export interface RunView {
  entry: RunListEntry;
  live: RunLive;
}

export const RunContext = createContext<RunView | null>(null);

export function useRunView(): RunView {
  const view = useContext(RunContext);
  if (!view) throw new Error("a tab of a run stands outside its screen");
  return view;
}

export { nothing };
