/** A message that stays where it belongs. There are no toasts. */
import { CircleAlert, CircleCheck, Info, TriangleAlert, X } from "lucide-react";
import type { ReactNode } from "react";
import { classes } from "../lib/classes";
import { IconButton } from "./Button";
import css from "./states.module.css";

const icons = { good: CircleCheck, bad: CircleAlert, warn: TriangleAlert, busy: Info, idle: Info };

interface Props {
  tone?: keyof typeof icons;
  title?: ReactNode;
  children?: ReactNode;
  actions?: ReactNode;
  onDismiss?: () => void;
  /** Read out as soon as it appears: for the outcome of what a person has just done. */
  live?: boolean;
}

export function Notice({ tone = "idle", title, children, actions, onDismiss, live }: Props) {
  const Icon = icons[tone];
  const role = live ? (tone === "bad" ? "alert" : "status") : undefined;
  return (
    <div className={classes(css.notice, css[tone])} role={role}>
      <Icon size={16} strokeWidth={2} aria-hidden />
      <div className={css.noticeBody}>
        {title && <strong>{title}</strong>}
        {children && <div className={css.noticeText}>{children}</div>}
        {actions && <div className={css.noticeActions}>{actions}</div>}
      </div>
      {onDismiss && <IconButton icon={X} label="Dismiss" small onClick={onDismiss} />}
    </div>
  );
}
