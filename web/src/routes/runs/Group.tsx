/** One cause of many failures: how many, why, and what to do about all of them. */
import type { ReactNode } from "react";
import { classes } from "../../lib/classes";
import css from "./runs.module.css";

interface Props {
  /** The count, as a link that narrows the list to this cause. */
  count: ReactNode;
  title: ReactNode;
  children?: ReactNode;
  actions?: ReactNode;
  isChosen?: boolean;
}

export function Group({ count, title, children, actions, isChosen = false }: Props) {
  return (
    <li className={classes(css.group, isChosen && css.chosen)}>
      <div className="stack-tight">
        <div className={css.groupHead}>
          {count}
          <strong>{title}</strong>
        </div>
        {children && <div className={css.groupText}>{children}</div>}
      </div>
      {actions && <div className={css.groupActions}>{actions}</div>}
    </li>
  );
}

export function Groups({ label, children }: { label: string; children: ReactNode }) {
  return (
    <ul className={css.groups} aria-label={label}>
      {children}
    </ul>
  );
}
