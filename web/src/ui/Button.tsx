/**
 * Buttons, and links that look like them. A button that cannot be pressed stays in the tab order and
 * says why: `disabledReason`. While `pending` it ignores presses and shows that it works.
 */
import { createLink } from "@tanstack/react-router";
import { LoaderCircle, type LucideIcon } from "lucide-react";
import type { AnchorHTMLAttributes, ButtonHTMLAttributes, Ref } from "react";
import { classes } from "../lib/classes";
import css from "./button.module.css";

export type Look = "primary" | "secondary" | "quiet" | "danger" | "dangerSolid";

interface Shared {
  look?: Look;
  small?: boolean;
  icon?: LucideIcon;
}

export interface ButtonProps
  extends Shared, Omit<ButtonHTMLAttributes<HTMLButtonElement>, "disabled"> {
  pending?: boolean;
  /** Why it cannot be pressed now: shown as its tooltip. */
  disabledReason?: string | false | null | undefined;
  ref?: Ref<HTMLButtonElement>;
}

function Glyph({ icon: Icon, pending }: { icon?: LucideIcon | undefined; pending?: boolean }) {
  if (pending)
    return <LoaderCircle className={css.spinner} size={16} strokeWidth={1.75} aria-hidden />;
  return Icon ? <Icon size={16} strokeWidth={1.75} aria-hidden /> : null;
}

export function Button({
  look = "secondary",
  small = false,
  icon,
  pending = false,
  disabledReason,
  className,
  onClick,
  children,
  type = "button",
  ...rest
}: ButtonProps) {
  const isOff = pending || Boolean(disabledReason);
  return (
    <button
      {...rest}
      type={type}
      className={classes(css.button, css[look], small && css.small, className)}
      aria-disabled={isOff || undefined}
      aria-busy={pending || undefined}
      data-tip={disabledReason || (rest as { "data-tip"?: string })["data-tip"]}
      onClick={(event) => {
        if (isOff) event.preventDefault();
        else onClick?.(event);
      }}
    >
      <Glyph icon={icon} pending={pending} />
      {children}
    </button>
  );
}

export interface IconButtonProps extends Omit<ButtonProps, "icon" | "children"> {
  icon: LucideIcon;
  /** What it does: its name and its tooltip. */
  label: string;
}

export function IconButton({
  label,
  icon: Icon,
  className,
  look = "quiet",
  ...rest
}: IconButtonProps) {
  const { small, pending, disabledReason, onClick, type = "button", ...attributes } = rest;
  const isOff = pending || Boolean(disabledReason);
  return (
    <button
      {...attributes}
      type={type}
      className={classes(css.button, css[look], css.icon, small && css.small, className)}
      aria-label={label}
      aria-disabled={isOff || undefined}
      data-tip={disabledReason ? `${label}: ${disabledReason}` : label}
      onClick={(event) => (isOff ? event.preventDefault() : onClick?.(event))}
    >
      <Glyph icon={Icon} pending={pending ?? false} />
    </button>
  );
}

interface AnchorProps extends Shared, AnchorHTMLAttributes<HTMLAnchorElement> {
  ref?: Ref<HTMLAnchorElement>;
}

/** A link with an address outside the page's routes, such as a download. */
export function AnchorButton({
  look = "secondary",
  small = false,
  icon,
  className,
  children,
  ...rest
}: AnchorProps) {
  return (
    <a {...rest} className={classes(css.button, css[look], small && css.small, className)}>
      <Glyph icon={icon} />
      {children}
    </a>
  );
}

/** A link to a route: `<LinkButton to="/sources/new">Add Source</LinkButton>`. */
export const LinkButton = createLink(AnchorButton);
