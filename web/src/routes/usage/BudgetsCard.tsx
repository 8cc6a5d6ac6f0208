/** How much of each budget of the month is used. */
import { Link } from "@tanstack/react-router";
import { classes } from "../../lib/classes";
import { count, percent } from "../../lib/number";
import { SectionCard } from "../../ui/Page";
import { StatusChip } from "../../ui/StatusChip";
import css from "./usage.module.css";
import type { Budget } from "./usage";

interface Props {
  budgets: readonly Budget[];
  month: string;
}

export function BudgetsCard({ budgets, month }: Props) {
  return (
    <SectionCard
      title="Budgets"
      text="Calls a month that a sync or a destination may have. A run that would go over waits."
      padded
    >
      {budgets.length === 0 ? (
        <p className="muted">
          None is set. A sync has <code>guards.max_calls_per_month</code>, a destination{" "}
          <code>budget.per_month</code>: set it in their settings.
        </p>
      ) : (
        <ul className={css.budgets}>
          {budgets.map((budget) => (
            <BudgetLine key={`${budget.kind} ${budget.name}`} budget={budget} month={month} />
          ))}
        </ul>
      )}
    </SectionCard>
  );
}

function BudgetLine({ budget, month }: { budget: Budget; month: string }) {
  const { kind, name, limit, used } = budget;
  const isFull = used >= limit;
  const isNear = !isFull && used >= limit * 0.8;
  return (
    <li className={css.budget}>
      <div className={css.budgetHead}>
        <span className="row">
          {kind === "sync" ? (
            <Link to="/syncs/$sync/settings" params={{ sync: name }}>
              {name}
            </Link>
          ) : (
            <Link to="/destinations/$destination/settings" params={{ destination: name }}>
              {name}
            </Link>
          )}
          <span className="muted">{kind}</span>
          {(isFull || isNear) && (
            <StatusChip
              status={isFull ? "failed" : "warning"}
              word={isFull ? "Used up" : "Nearly used up"}
              plain
            />
          )}
        </span>
        <span className="num">
          {count(used)} of {count(limit)}, {percent(used, limit)}
        </span>
      </div>
      <progress
        className={classes(css.meter, isFull && css.full, isNear && css.near)}
        max={Math.max(1, limit)}
        value={Math.min(used, limit)}
        aria-label={`Calls of ${name} in ${month}`}
      />
    </li>
  );
}
