/** What narrows the list of syncs: it stands in the address. */
import { oneOf, text, type Search } from "../../lib/search";

export const VIEWS = ["trouble", "running", "paused", "disabled", "draft"] as const;
export type View = (typeof VIEWS)[number];

export const viewNames: Record<View, string> = {
  trouble: "Need attention",
  running: "In progress",
  paused: "Paused",
  disabled: "Disabled",
  draft: "Drafts",
};

export interface SyncsSearch {
  filter?: string | undefined;
  sort?: string | undefined;
  view?: View | undefined;
  type?: string | undefined;
  source?: string | undefined;
  destination?: string | undefined;
  tag?: string | undefined;
}

export function syncsSearch(search: Search): SyncsSearch {
  return {
    filter: text(search.filter),
    sort: text(search.sort),
    view: oneOf(VIEWS, search.view),
    type: text(search.type),
    source: text(search.source),
    destination: text(search.destination),
    tag: text(search.tag),
  };
}
