/** What few people need: behind a line that opens it. */
import { ChevronRight } from "lucide-react";
import type { ReactNode } from "react";
import css from "./disclosure.module.css";

interface Props {
  label: string;
  children: ReactNode;
  open?: boolean;
}

export function Disclosure({ label, children, open = false }: Props) {
  return (
    <details className={css.more} open={open}>
      <summary className={css.summary}>
        <ChevronRight size={16} strokeWidth={1.75} aria-hidden />
        {label}
      </summary>
      <div className={css.content}>{children}</div>
    </details>
  );
}
