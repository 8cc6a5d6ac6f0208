/** A menu behind a button. The trigger is one of our buttons; keys and focus are react-aria's. */
import type { LucideIcon } from "lucide-react";
import { cloneElement, useRef, useState, type ReactElement, type ReactNode } from "react";
import {
  Menu as AriaMenu,
  MenuItem as AriaMenuItem,
  Popover,
  Separator,
  type MenuItemProps,
} from "react-aria-components";
import { classes } from "../lib/classes";
import type { ButtonProps } from "./Button";
import css from "./overlay.module.css";

interface Props {
  trigger: ReactElement<ButtonProps>;
  /** The menu's name. */
  label: string;
  children: ReactNode;
  placement?: "bottom start" | "bottom end";
}

export function Menu({ trigger, label, children, placement = "bottom end" }: Props) {
  const [isOpen, setOpen] = useState(false);
  const anchor = useRef<HTMLSpanElement>(null);
  const button = cloneElement(trigger, {
    "aria-haspopup": "menu",
    "aria-expanded": isOpen,
    onClick: () => setOpen((open) => !open),
    onKeyDown: (event) => {
      if (event.key !== "ArrowDown") return;
      event.preventDefault();
      setOpen(true);
    },
  });
  return (
    <span ref={anchor}>
      {button}
      <Popover
        className={css.popover!}
        isOpen={isOpen}
        onOpenChange={setOpen}
        triggerRef={anchor}
        placement={placement}
        offset={4}
      >
        {/* A menu that opens takes the focus, as its pattern demands. */}
        <AriaMenu
          aria-label={label}
          className={css.list!}
          autoFocus="first"
          onClose={() => setOpen(false)}
        >
          {children}
        </AriaMenu>
      </Popover>
    </span>
  );
}

interface ItemProps extends Omit<MenuItemProps, "children" | "className"> {
  children: string;
  icon?: LucideIcon;
  hint?: string;
  danger?: boolean;
}

export function MenuItem({ children, icon: Icon, hint, danger, ...rest }: ItemProps) {
  return (
    <AriaMenuItem
      {...rest}
      textValue={children}
      className={classes(css.item, danger && css.danger)}
    >
      {Icon && <Icon size={16} strokeWidth={1.75} aria-hidden />}
      <span className={css.itemText}>
        {children}
        {hint && <span className={css.itemHint}>{hint}</span>}
      </span>
    </AriaMenuItem>
  );
}

export function MenuSeparator() {
  return <Separator className={css.separator!} />;
}
