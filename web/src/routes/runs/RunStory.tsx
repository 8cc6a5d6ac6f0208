/** The sentence on top of a run: what happened, and what to do, each with its way there. */
import { Link, useLocation } from "@tanstack/react-router";
import type { ReactNode } from "react";
import type { RunListEntry } from "../../api/types";
import { shownState, storyOf } from "../../lib/run-story";
import { LinkButton } from "../../ui/Button";
import { Notice } from "../../ui/Notice";
import { lookOf, type Tone } from "../../ui/status";
import { EditLink } from "../syncs/EditLink";

const tones: Record<Tone, "good" | "bad" | "warn" | "busy" | "idle"> = {
  good: "good",
  bad: "bad",
  warn: "warn",
  busy: "busy",
  wait: "busy",
  skip: "idle",
  idle: "idle",
};

export function RunStory({ entry }: { entry: RunListEntry }) {
  const { happened, next } = storyOf(entry);
  const { code } = entry.reason ?? {};
  const hasKin = Boolean(entry.replays) || (entry.replayed_by ?? []).length > 0;
  return (
    <Notice
      tone={tones[lookOf(shownState(entry)).tone]}
      title={happened}
      actions={<Ways entry={entry} />}
    >
      {(next || code || hasKin) && (
        <>
          {next}
          {code && (
            <>
              {" "}
              More about it: <code>outflow explain {code}</code>
            </>
          )}
          <Kin entry={entry} />
        </>
      )}
    </Notice>
  );
}

function Ways({ entry }: { entry: RunListEntry }): ReactNode {
  const run = String(entry.run);
  const params = { run };
  const { pathname } = useLocation();
  const seesRows = pathname.endsWith("/rows");
  switch (entry.state) {
    case "succeeded_with_rejected":
      return seesRows ? null : (
        <LinkButton small to="/runs/$run/rows" params={params}>
          See rejected rows
        </LinkButton>
      );
    case "partial":
      return (
        <>
          {!pathname.endsWith("/requests") && (
            <LinkButton small to="/runs/$run/requests" params={params}>
              See dead letters
            </LinkButton>
          )}
          {!seesRows && entry.rows.rejected > 0 && (
            <LinkButton small to="/runs/$run/rows" params={params}>
              See rejected rows
            </LinkButton>
          )}
        </>
      );
    case "failed":
      return (
        <>
          <EditLink sync={entry.sync} step="query" small>
            Edit query
          </EditLink>
          <LinkButton small to="/syncs/$sync/runs" params={{ sync: entry.sync }}>
            Runs of {entry.sync}
          </LinkButton>
        </>
      );
    case "skipped":
      return (
        <>
          {entry.skipped_by && (
            <LinkButton small to="/runs/$run" params={{ run: String(entry.skipped_by) }}>
              See run {entry.skipped_by}
            </LinkButton>
          )}
          <LinkButton small to="/syncs/$sync/schedule" params={{ sync: entry.sync }}>
            Change schedule
          </LinkButton>
        </>
      );
    default:
      return null;
  }
}

/** Which runs send calls of this one again, and whose calls this one sends again. */
function Kin({ entry }: { entry: RunListEntry }) {
  const later = entry.replayed_by ?? [];
  if (!entry.replays && later.length === 0) return null;
  const link = (run: number) => (
    <Link key={run} to="/runs/$run" params={{ run: String(run) }}>
      run {run}
    </Link>
  );
  return (
    <p>
      {entry.replays && <>It sends calls of {link(entry.replays)} again. </>}
      {later.length > 0 && (
        <>
          Its calls are sent again by {later.map((run, index) => [index > 0 && ", ", link(run)])}.
        </>
      )}
    </p>
  );
}
