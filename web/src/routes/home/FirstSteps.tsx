/** What to do on an installation without syncs: three steps, and the same on the command line. */
import { Check } from "lucide-react";
import { classes } from "../../lib/classes";
import { LinkButton } from "../../ui/Button";
import { CodeBlock } from "../../ui/Code";
import { SectionCard } from "../../ui/Page";
import css from "./home.module.css";

interface Props {
  /** The name of a source, if there is one. */
  source: string | undefined;
  hasDestination: boolean;
}

export function FirstSteps({ source, hasDestination }: Props) {
  const at = !source ? 0 : !hasDestination ? 1 : 2;
  const look = (step: number) => (step === at ? ("primary" as const) : ("secondary" as const));
  return (
    <>
      <SectionCard title="Three steps to the first call">
        <ol>
          <Step
            number={1}
            isDone={at > 0}
            title="Add a source"
            text="The database that is read, with an account that cannot write."
          >
            <LinkButton to="/sources/new" look={look(0)}>
              Add Source
            </LinkButton>
          </Step>
          <Step
            number={2}
            isDone={hasDestination}
            title="Add a destination"
            text="Customer.io, Segment, RudderStack, a webhook or files."
          >
            <LinkButton to="/destinations/catalogue" look={look(1)}>
              Add Destination
            </LinkButton>
          </Step>
          <Step
            number={3}
            isDone={false}
            title="Add a sync"
            text="A query whose rows become calls. Nothing is sent before you press Enable."
          >
            {source ? (
              <LinkButton to="/sources/$source/syncs/new" params={{ source }} look={look(2)}>
                Add Sync
              </LinkButton>
            ) : (
              <span className="muted">After step 1</span>
            )}
          </Step>
        </ol>
      </SectionCard>
      <SectionCard title="The same on the command line" padded>
        <CodeBlock text={COMMANDS} label="Copy the commands" />
      </SectionCard>
    </>
  );
}

const COMMANDS = `outflow init my-project --type redshift
outflow source test warehouse
outflow destination test
outflow preview users --calls
outflow run users`;

interface StepProps {
  number: number;
  isDone: boolean;
  title: string;
  text: string;
  children: React.ReactNode;
}

function Step({ number, isDone, title, text, children }: StepProps) {
  return (
    <li className={css.step}>
      <span className={classes(css.stepSign, isDone && css.stepDone)} aria-hidden>
        {isDone ? <Check size={16} /> : number}
      </span>
      <div>
        <strong>{title}</strong>
        {isDone && <span className="sr-only"> (done)</span>}
        <p className="muted">{text}</p>
      </div>
      {children}
    </li>
  );
}
