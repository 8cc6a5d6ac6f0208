/** One pair: its switch, and which syncs send. */
import { Link } from "@tanstack/react-router";
import { needsRole } from "../../api/permissions";
import { counted } from "../../lib/number";
import { Switch } from "../../ui/Field";
import css from "./connections.module.css";
import type { Pair } from "./matrix";

interface Props {
  pair: Pair;
  isBusy: boolean;
  mayWrite: boolean;
  /** A file owns the source, so that it is changed there. */
  isManaged: boolean;
  onToggle: () => void;
}

export function PairCell({ pair, isBusy, mayWrite, isManaged, onToggle }: Props) {
  const { source, destination, isOn, syncs } = pair;
  const why = !mayWrite ? needsRole("project.write") : isManaged ? "A file owns the source" : null;
  return (
    <div className={css.cell}>
      <Switch
        label={isBusy ? "Changing" : isOn ? "On" : "Off"}
        name={`${source} to ${destination}`}
        accessibleName={`${source} to ${destination}`}
        checked={isOn !== isBusy}
        disabled={isBusy || why !== null}
        onChange={onToggle}
      />
      {syncs.length > 0 && (
        <Link
          className={css.small}
          to="/destinations/$destination/overview"
          params={{ destination }}
          data-tip={syncs.join(", ")}
        >
          {counted(syncs.length, "sync")}
          {!isOn && " by their own list"}
        </Link>
      )}
      {why && <span className={css.small}>{why}</span>}
    </div>
  );
}
