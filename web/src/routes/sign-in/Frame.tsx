/** The frame of the screens before signing in. */
import { useEffect, type ReactNode } from "react";
import { Logo } from "../../shell/Logo";
import css from "./sign-in.module.css";

export function Frame({
  title,
  text,
  children,
}: {
  title: string;
  text: ReactNode;
  children: ReactNode;
}) {
  useEffect(() => {
    document.title = `${title} · Outflow`;
  }, [title]);
  return (
    <main className={css.screen}>
      <div className={css.box}>
        <div className={css.head}>
          <Logo size={32} />
          <h1>{title}</h1>
          <p className="muted">{text}</p>
        </div>
        {children}
      </div>
    </main>
  );
}
