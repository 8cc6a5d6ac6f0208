/** A box that may scroll to the side: the keyboard reaches it, and it has a name. */
import type { ReactNode } from "react";

interface Props {
  label: string;
  className: string;
  children: ReactNode;
}

export function Scrolled({ label, className, children }: Props) {
  return (
    // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
    <div role="region" aria-label={label} tabIndex={0} className={className}>
      {children}
    </div>
  );
}
