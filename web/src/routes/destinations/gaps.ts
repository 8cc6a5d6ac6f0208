/** The three kinds of gaps as one list. */
import type { components } from "../../api/schema";

type GapList = components["schemas"]["GapList"];
type Cause = components["schemas"]["GapCause"];

export interface Gap {
  key: string;
  sync: string;
  why: string;
  first: number;
  last: number;
  calls: number | null;
  since: string;
  filledBy: number | null;
  /** It is filled without a person. */
  isOwn: boolean;
}

const causes: Record<Cause, string> = {
  lost: "The calls of the run were lost",
  left_out: "It was too far behind, and runs left it out",
  new: "It is new to the sync",
  away: "It was not connected for a time",
  given_up: "A person gave the calls up",
};

export function gapsOf(list: GapList, destination: string): Gap[] {
  const own = <T extends { destination: string }>(items: readonly T[]) =>
    items.filter((item) => item.destination === destination);
  return [
    ...own(list.missing).map((gap) => ({
      key: `missing ${gap.sync} ${gap.run}`,
      sync: gap.sync,
      why: causes[gap.cause],
      first: gap.run,
      last: gap.run,
      calls: gap.calls,
      since: gap.since,
      filledBy: gap.filled_by ?? null,
      isOwn: false,
    })),
    ...own(list.left_out).map((gap) => ({
      key: `left out ${gap.sync} ${gap.first}`,
      sync: gap.sync,
      why: causes.left_out,
      first: gap.first,
      last: gap.last,
      calls: gap.calls,
      since: gap.since,
      filledBy: null,
      isOwn: true,
    })),
    ...own(list.unsent).map((gap) => ({
      key: `unsent ${gap.sync} ${gap.first}`,
      sync: gap.sync,
      why: causes[gap.cause],
      first: gap.first,
      last: gap.last,
      calls: null,
      since: gap.since,
      filledBy: gap.filled_by ?? null,
      isOwn: false,
    })),
  ];
}
