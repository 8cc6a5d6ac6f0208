/** Is my data flowing? The answer in one sentence. */
import { CircleCheck, CircleSlash, OctagonX, TriangleAlert } from "lucide-react";
import type { StatusDocument } from "../../api/types";
import { classes } from "../../lib/classes";
import { counted } from "../../lib/number";
import type { SyncRow } from "../../lib/sync-state";
import css from "./home.module.css";
import type { Need } from "./needs";
import { verdictOf } from "./verdict";

const signs = { good: CircleCheck, warn: TriangleAlert, bad: OctagonX, idle: CircleSlash };

interface Props {
  rows: readonly SyncRow[];
  needs: readonly Need[];
  status: StatusDocument;
}

export function Verdict({ rows, needs, status }: Props) {
  const { tone, title } = verdictOf(rows, needs, status);
  const Sign = signs[tone];
  const open =
    needs.length === 0
      ? "Nothing needs you."
      : `${counted(needs.length, "thing")} ${needs.length === 1 ? "needs" : "need"} a person.`;
  return (
    <div className={css.verdict}>
      <span className={classes(css.sign, css[tone])}>
        <Sign size={24} strokeWidth={1.75} aria-hidden />
      </span>
      <div>
        <h2>{title}</h2>
        <p className="muted">{open}</p>
      </div>
    </div>
  );
}
