/** A sign for a service, drawn from its name: its first letters on one of a few grounds. */
import { classes } from "../lib/classes";
import { initials, toneOf } from "../lib/letters";
import css from "./letter-logo.module.css";

interface Props {
  name: string;
  large?: boolean;
}

export function LetterLogo({ name, large = false }: Props) {
  return (
    <svg
      className={classes(css.logo, css[`tone${toneOf(name)}`], large && css.large)}
      viewBox="0 0 32 32"
      aria-hidden
    >
      <rect width="32" height="32" rx="8" />
      <text x="16" y="16.5" textAnchor="middle" dominantBaseline="central">
        {initials(name)}
      </text>
    </svg>
  );
}
