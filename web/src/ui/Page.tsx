/**
 * A screen: its title in the window and on the page, the breadcrumb in the header, actions, tabs.
 * After a change of route the title has the focus, so that a screen reader says where one is.
 */
import { createLink } from "@tanstack/react-router";
import { ChevronRight } from "lucide-react";
import {
  Children,
  useEffect,
  useRef,
  type AnchorHTMLAttributes,
  type ReactNode,
  type Ref,
} from "react";
import { createPortal } from "react-dom";
import { classes } from "../lib/classes";
import { useStore } from "../lib/store";
import css from "./page.module.css";
import { trailSlot } from "./trail";

interface PageProps {
  /** A name, not a number: `users`. */
  title: string;
  /** The area, for the window's title: `Syncs`. */
  area?: string;
  /** Links to what is above, outermost first. */
  trail?: ReactNode;
  /** Beside the title: the state. */
  status?: ReactNode;
  description?: ReactNode;
  actions?: ReactNode;
  tabs?: ReactNode;
  /** For forms and texts. */
  narrow?: boolean;
  /** The title is for screen readers alone: the screen begins with something that says more. */
  hiddenTitle?: boolean;
  children: ReactNode;
}

export function Page(props: PageProps) {
  const { title, area, trail, status, description, actions, tabs, narrow, hiddenTitle, children } =
    props;
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = [title, area, "Outflow"].filter(Boolean).join(" · ");
  }, [title, area]);
  useEffect(() => {
    // A dialog, or a field that asks for it, keeps the focus.
    const now = document.activeElement;
    if (!now || now === document.body || now.closest("nav")) heading.current?.focus();
  }, []);
  return (
    <div className={classes(css.page, narrow && css.narrow)}>
      <Trail above={trail} title={title} />
      <header className={hiddenTitle ? "sr-only" : css.head}>
        <div className={css.titles}>
          <div className={css.title}>
            <h1 ref={heading} tabIndex={-1}>
              {title}
            </h1>
            {status}
          </div>
          {description && <p className={css.description}>{description}</p>}
        </div>
        {actions && <div className={css.actions}>{actions}</div>}
      </header>
      {tabs}
      {children}
    </div>
  );
}

function Trail({ above, title }: { above: ReactNode; title: string }) {
  const slot = useStore(trailSlot);
  if (!slot) return null;
  const items = Children.toArray(above);
  return createPortal(
    <ol className={css.trail}>
      {items.map((item, index) => (
        <li key={index}>
          {item}
          <ChevronRight size={14} aria-hidden />
        </li>
      ))}
      <li>
        <span aria-current="page">{title}</span>
      </li>
    </ol>,
    slot,
  );
}

interface CrumbProps extends AnchorHTMLAttributes<HTMLAnchorElement> {
  ref?: Ref<HTMLAnchorElement>;
}

/** What is above is never the present page, although its address is the beginning of this one. */
function CrumbAnchor({ "aria-current": _current, children, ...rest }: CrumbProps) {
  return <a {...rest}>{children}</a>;
}

/** A link of the trail: `<Crumb to="/syncs">Syncs</Crumb>`. */
export const Crumb = createLink(CrumbAnchor);

/** Tabs are links: each has an address. */
export function Tabs({ label, children }: { label: string; children: ReactNode }) {
  return (
    <nav className={css.tabs} aria-label={label}>
      {children}
    </nav>
  );
}

interface TabProps extends AnchorHTMLAttributes<HTMLAnchorElement> {
  count?: number | undefined;
  ref?: Ref<HTMLAnchorElement>;
}

function TabAnchor({ count, children, ...rest }: TabProps) {
  return (
    <a {...rest} className={css.tab}>
      {children}
      {count !== undefined && <span className={css.tabCount}>{count}</span>}
    </a>
  );
}

/** `<Tab to="/syncs/$sync/runs" params={{ sync }}>Runs</Tab>` */
export const Tab = createLink(TabAnchor);

interface CardProps {
  title?: ReactNode;
  /** A sentence beside the title. */
  text?: ReactNode;
  actions?: ReactNode;
  /** With space around the content; tables go to the edge without it. */
  padded?: boolean;
  children: ReactNode;
}

export function SectionCard({ title, text, actions, padded = false, children }: CardProps) {
  return (
    <section className={css.card}>
      {(title || actions) && (
        <div className={css.cardHead}>
          <div>
            {title && <h2>{title}</h2>}
            {text && <p className={css.cardText}>{text}</p>}
          </div>
          {actions && <div className={css.actions}>{actions}</div>}
        </div>
      )}
      <div className={classes(css.cardBody, padded && css.padded)}>{children}</div>
    </section>
  );
}

/** Names and values. A value of `undefined` or null leaves its line out. */
export function KeyValues({ items }: { items: readonly (readonly [string, ReactNode])[] }) {
  return (
    <dl className={css.keys}>
      {items
        .filter(([, value]) => value !== undefined && value !== null)
        .map(([name, value]) => (
          <div key={name} className={css.pair}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
    </dl>
  );
}

interface StepperProps {
  steps: readonly string[];
  /** The place of the present step, from 0. */
  at: number;
}

export function Stepper({ steps, at }: StepperProps) {
  return (
    <ol className={css.steps} aria-label="Steps">
      {steps.map((step, index) => (
        <li
          key={step}
          className={classes(css.step, index === at && css.stepNow, index < at && css.stepDone)}
          aria-current={index === at ? "step" : undefined}
        >
          <span className={css.stepMark}>{index < at ? "✓" : index + 1}</span>
          {step}
          {index < at && <span className="sr-only">, done</span>}
          {index < steps.length - 1 && <span className={css.stepLine} aria-hidden />}
        </li>
      ))}
    </ol>
  );
}
