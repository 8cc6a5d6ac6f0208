/** The counts of a run as a sum that is seen to add up. One that does not is said to be wrong. */
import type { ReactNode } from "react";
import type { Sum, Term } from "../lib/equation";
import { classes } from "../lib/classes";
import css from "./chart.module.css";
import { Notice } from "./Notice";
import { Count } from "./values";

interface Props {
  sum: Sum;
  /** Makes a term a link to what it counts. */
  link?: (term: Term, text: ReactNode) => ReactNode;
  small?: boolean;
}

export function Equation({ sum, link, small = false }: Props) {
  return (
    <div>
      <div className={classes(css.equation, small && css.small)}>
        <span className={css.term}>
          <strong>
            <Count value={sum.total.value} />
          </strong>
          <span>{sum.total.label}</span>
        </span>
        {sum.terms.map((term, index) => (
          <TermView key={term.label} term={term} sign={index === 0 ? "=" : "+"} link={link} />
        ))}
      </div>
      {sum.total.value > 0 && (
        <div className={css.bar} aria-hidden>
          {sum.terms
            .filter((term) => term.value > 0)
            .map((term) => (
              <i key={term.label} className={css[term.tone]} style={{ flexGrow: term.value }} />
            ))}
        </div>
      )}
      {!sum.holds && (
        <Notice tone="bad" title="These counts do not add up">
          That is an error of Outflow. Please report it with the number of the run.
        </Notice>
      )}
    </div>
  );
}

function TermView({ term, sign, link }: { term: Term; sign: string; link: Props["link"] }) {
  const text = <Count value={term.value} />;
  return (
    <>
      <span className={css.operator}>{sign}</span>
      <span className={css.term}>
        <strong className={term.value === 0 ? css.zero : css[term.tone]}>
          {link && term.value > 0 ? link(term, text) : text}
        </strong>
        <span>{term.label}</span>
      </span>
    </>
  );
}
