/** A state as an icon, a word and a colour. */
import { classes } from "../lib/classes";
import { lookOf } from "./status";
import css from "./status.module.css";

interface Props {
  /** A state of the API, such as `partial`. */
  status: string;
  /** Another word than the usual one. */
  word?: string;
  /** Without the coloured ground: for tables with many of them. */
  plain?: boolean;
  /** A tooltip in place of what the state means. */
  tip?: string | undefined;
}

export function StatusChip({ status, word, plain = false, tip }: Props) {
  const look = lookOf(status);
  const Icon = look.icon;
  return (
    <span
      className={classes(css.chip, css[look.tone], plain && css.plain)}
      data-tip={tip ?? look.meaning}
      data-status={status}
    >
      <Icon className={look.moves ? css.moves : undefined} size={14} strokeWidth={2} aria-hidden />
      {word ?? look.word}
    </span>
  );
}
