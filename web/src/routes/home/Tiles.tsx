/** Five numbers, each a link to what it counts. */
import { createLink } from "@tanstack/react-router";
import { useQuery } from "@tanstack/react-query";
import type { AnchorHTMLAttributes, ReactNode, Ref } from "react";
import { useMay } from "../../api/queries/me";
import { usageQuery } from "../../api/queries/usage";
import type { StatusDocument } from "../../api/types";
import { count } from "../../lib/number";
import { isTroubled, stateOf, type SyncRow } from "../../lib/sync-state";
import { Count, Time } from "../../ui/values";
import type { Day } from "./day";
import css from "./home.module.css";

interface TileProps extends AnchorHTMLAttributes<HTMLAnchorElement> {
  name: string;
  value: ReactNode;
  text?: ReactNode;
  ref?: Ref<HTMLAnchorElement>;
}

function TileAnchor({ name, value, text, ...rest }: TileProps) {
  return (
    <a {...rest} className={css.tile}>
      <span className={css.tileName}>{name}</span>
      <span className={css.tileValue}>{value}</span>
      {text && <span className={css.tileText}>{text}</span>}
    </a>
  );
}

const Tile = createLink(TileAnchor);

const FAILED = "failed,partial,lost";

interface Props {
  rows: readonly SyncRow[];
  status: StatusDocument;
  day: Day | undefined;
}

export function Tiles({ rows, status, day }: Props) {
  const off = rows.filter((row) => ["paused", "disabled"].includes(stateOf(row))).length;
  const troubled = rows.filter(isTroubled).length;
  const waiting = status.waiting.reduce((sum, { calls }) => sum + calls, 0);
  const since = day ? new Date(day.from).toISOString() : undefined;
  return (
    <div className={css.tiles}>
      <Tile
        to="/syncs"
        name="Healthy syncs"
        value={
          <>
            {rows.length - off - troubled} <small>of {rows.length}</small>
          </>
        }
        text={off > 0 ? `${off} switched off` : "All are switched on"}
      />
      <DeliveredTile />
      <Tile
        to="/runs"
        search={{ state: "awaiting_approval,delivering" }}
        name="Calls waiting"
        value={<Count value={waiting} short />}
        text={waiting === 0 ? "Everything is delivered" : "Not delivered yet"}
      />
      <DayTile day={day} name="Runs in trouble" state={FAILED} since={since} />
      <DayTile day={day} name="Skipped slots" state="skipped" since={since} />
    </div>
  );
}

interface DayTileProps {
  day: Day | undefined;
  name: string;
  /** States, with commas between. */
  state: string;
  since: string | undefined;
}

function DayTile({ day, name, state, since }: DayTileProps) {
  const states = state.split(",");
  const found = day?.runs.filter((run) => states.includes(run.state)).length;
  return (
    <Tile
      to="/runs"
      search={{ state, since }}
      name={name}
      value={<Count value={found} short />}
      text={!day || day.isWhole ? "In 24 hours" : <Since at={since!} />}
    />
  );
}

function Since({ at }: { at: string }) {
  return (
    <>
      Since <Time at={at} as="short" />
    </>
  );
}

/** Days of the usage are days of UTC. */
function DeliveredTile() {
  const may = useMay("usage.read");
  const usage = useQuery({ ...usageQuery({ days: true }), enabled: may }).data;
  const today = new Date().toISOString().slice(0, 10);
  const entries = usage?.entries.filter((entry) => entry.day === today) ?? [];
  const sum = (key: "delivered" | "dead_letters") =>
    entries.reduce((total, entry) => total + entry[key], 0);
  const letters = sum("dead_letters");
  return (
    <Tile
      to="/usage"
      name="Calls delivered"
      value={<Count value={usage ? sum("delivered") : undefined} short />}
      text={letters > 0 ? `Today (UTC), ${count(letters)} refused` : "Today (UTC)"}
    />
  );
}
