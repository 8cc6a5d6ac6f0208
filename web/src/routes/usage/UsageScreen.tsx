/** Calls of a month: by day, by sync and destination, and against the budgets. */
import { useQuery } from "@tanstack/react-query";
import { createLazyRoute } from "@tanstack/react-router";
import { ChevronLeft, ChevronRight, Download } from "lucide-react";
import { definitionsQuery } from "../../api/queries/definitions";
import { usageQuery } from "../../api/queries/usage";
import { useNow } from "../../lib/now";
import { counted, percent } from "../../lib/number";
import { Button, IconButton } from "../../ui/Button";
import { DayBars } from "../../ui/DayBars";
import { Disclosure } from "../../ui/Disclosure";
import { FilterSelect } from "../../ui/FilterField";
import { Loaded } from "../../ui/Loaded";
import { Page, SectionCard } from "../../ui/Page";
import { Count } from "../../ui/values";
import { BudgetsCard } from "./BudgetsCard";
import { DaysTable, LinesTable, ReadTable } from "./tables";
import css from "./usage.module.css";
import { budgetsOf, csvOf, daysOf, fitting, forecastOf, linesOf, monthAt, sumOf } from "./usage";

export const Route = createLazyRoute("/app/usage")({ component: UsageScreen });

const monthFormat = new Intl.DateTimeFormat("en-GB", {
  month: "long",
  year: "numeric",
  timeZone: "UTC",
});
const dayFormat = new Intl.DateTimeFormat("en-GB", {
  day: "numeric",
  month: "short",
  timeZone: "UTC",
});

function save(name: string, text: string) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}

function UsageScreen() {
  const { month, sync, destination, sort } = Route.useSearch();
  const navigate = Route.useNavigate();
  const set = (change: Record<string, string | undefined>) =>
    void navigate({ search: (before) => ({ ...before, ...change }), replace: true });
  const now = useNow();
  const present = now.toISOString().slice(0, 7);
  const shown = month ?? present;
  const query = useQuery(usageQuery({ days: true, ...(month ? { month } : {}) }));
  const before = useQuery(usageQuery({ month: monthAt(shown, -1) })).data;
  const definitions = useQuery(definitionsQuery).data ?? [];
  const goTo = (next: string) => set({ month: next === present ? undefined : next });
  return (
    <Page
      title="Usage"
      description="Each row that becomes a call counts once at each destination. Days and months are of UTC."
      actions={
        <div className={css.month} role="group" aria-label="Month">
          <IconButton
            icon={ChevronLeft}
            label="Month before"
            onClick={() => goTo(monthAt(shown, -1))}
          />
          <strong>{monthFormat.format(new Date(`${shown}-01T00:00:00Z`))}</strong>
          <IconButton
            icon={ChevronRight}
            label="Month after"
            disabledReason={shown >= present && "It has not come yet"}
            onClick={() => goTo(monthAt(shown, 1))}
          />
        </div>
      }
    >
      <Loaded query={query} permission="usage.read">
        {(usage) => {
          const entries = fitting(usage.entries, { sync, destination });
          const days = daysOf(usage.month, entries);
          const lines = linesOf(entries);
          const sum = sumOf(entries);
          const forecast = forecastOf(usage.month, days, now);
          const earlier = before && sumOf(fitting(before.entries, { sync, destination })).calls;
          const today = now.toISOString().slice(0, 10);
          const read = usage.read.filter((one) => !sync || one.sync === sync);
          const rows = read.reduce((all, one) => all + one.rows, 0);
          return (
            <>
              <div className="row">
                <FilterSelect
                  label="Sync"
                  value={sync}
                  options={choices(
                    usage.entries.map((entry) => entry.sync),
                    sync,
                  )}
                  onChange={(value) => set({ sync: value })}
                />
                <FilterSelect
                  label="Destination"
                  value={destination}
                  options={choices(
                    usage.entries.map((entry) => entry.destination),
                    destination,
                  )}
                  onChange={(value) => set({ destination: value })}
                />
                {(sync || destination) && (
                  <Button
                    small
                    look="quiet"
                    onClick={() => set({ sync: undefined, destination: undefined })}
                  >
                    Show all
                  </Button>
                )}
              </div>
              <dl className={css.tiles}>
                <Tile name={usage.month === present ? "Calls so far" : "Calls"} value={sum.calls}>
                  {earlier !== undefined && `The month before: ${counted(earlier, "call")}`}
                </Tile>
                {usage.month === present && (
                  <Tile name="Forecast of the month" value={forecast} none="too early">
                    {forecast === null
                      ? "It needs a day of calls"
                      : "If the days to come are like those so far"}
                  </Tile>
                )}
                <Tile name="Rows read" value={rows}>
                  {`In ${counted(
                    read.reduce((all, one) => all + one.runs, 0),
                    "run",
                  )} that are kept`}
                </Tile>
                <Tile name="Dead letters" value={sum.dead}>
                  {`${percent(sum.dead, sum.calls)} of the calls`}
                </Tile>
              </dl>
              <SectionCard title="Calls a day" padded>
                <div className="stack-tight">
                  <DayBars
                    label="Calls a day"
                    parts={["delivered", "dead letters"]}
                    bars={days.map(({ day, delivered, dead }) => ({
                      label: String(Number(day.slice(8))),
                      title: dayFormat.format(new Date(`${day}T00:00:00Z`)),
                      good: delivered,
                      bad: dead,
                      isAhead: day > today,
                    }))}
                  />
                  <Disclosure label="As a table">
                    <DaysTable days={days.filter(({ day }) => day <= today)} />
                  </Disclosure>
                </div>
              </SectionCard>
              <BudgetsCard budgets={budgetsOf(definitions, usage.entries)} month={usage.month} />
              <SectionCard
                title="By sync and destination"
                actions={
                  <Button
                    icon={Download}
                    disabledReason={lines.length === 0 && "There is nothing to download"}
                    onClick={() => save(`usage-${usage.month}.csv`, csvOf(usage.month, lines))}
                  >
                    CSV
                  </Button>
                }
              >
                <LinesTable
                  month={usage.month}
                  lines={lines}
                  sort={sort}
                  onSort={(value) => set({ sort: value })}
                />
              </SectionCard>
              <SectionCard
                title="Rows read"
                text="What queries gave, as far as runs are kept. Not each row becomes a call."
              >
                <ReadTable read={read} />
              </SectionCard>
            </>
          );
        }}
      </Loaded>
    </Page>
  );
}

function choices(names: readonly string[], present: string | undefined) {
  const all = new Set([...names, ...(present ? [present] : [])]);
  return [
    { value: undefined, label: "all" },
    ...[...all].sort().map((name) => ({ value: name, label: name })),
  ];
}

interface TileProps {
  name: string;
  value: number | null;
  none?: string;
  children: string | false | undefined;
}

function Tile({ name, value, none = "–", children }: TileProps) {
  return (
    <div className={css.tile}>
      <dt>{name}</dt>
      <dd>
        {value === null ? <span className="muted">{none}</span> : <Count value={value} short />}
      </dd>
      {children && <dd className={css.note}>{children}</dd>}
    </div>
  );
}
