/** All syncs, drafts included: whether each is healthy and fresh, and what to do with several. */
import { useQuery } from "@tanstack/react-query";
import { createLazyRoute } from "@tanstack/react-router";
import { Plus, RefreshCw, X } from "lucide-react";
import { useMemo, useState } from "react";
import { definitionsQuery } from "../../api/queries/definitions";
import { statusQuery } from "../../api/queries/status";
import { syncsQuery } from "../../api/queries/syncs";
import type { SyncDocument } from "../../api/types";
import { Button, LinkButton } from "../../ui/Button";
import { DataTable } from "../../ui/DataTable";
import { Choice, ListTools } from "../../ui/ListTools";
import { Loaded } from "../../ui/Loaded";
import { Page, SectionCard } from "../../ui/Page";
import { Select } from "../../ui/Select";
import { EmptyState } from "../../ui/states";
import runsCss from "../runs/runs.module.css";
import { BulkBar } from "./BulkBar";
import { listColumns } from "./list-columns";
import { fits, isIn, listRows, type ListRow } from "./sync-list";
import { VIEWS, viewNames, type SyncsSearch } from "./sync-search";

export const Route = createLazyRoute("/app/syncs")({ component: SyncsScreen });

function SyncsScreen() {
  const search = Route.useSearch();
  const navigate = Route.useNavigate();
  const set = (change: SyncsSearch) =>
    void navigate({ search: (before) => ({ ...before, ...change }), replace: true });
  const syncs = useQuery(syncsQuery);
  const status = useQuery(statusQuery);
  const definitions = useQuery(definitionsQuery);
  const rows = useMemo(
    () => listRows(syncs.data?.syncs ?? [], status.data, definitions.data ?? []),
    [syncs.data, status.data, definitions.data],
  );
  const shown = rows.filter((row) => fits(search, row));
  const { sort, ...narrowing } = search;
  const isNarrow = Object.values(narrowing).some(Boolean);
  return (
    <Page
      title="Syncs"
      description="Each sync is a query whose rows become calls of one type."
      actions={
        <LinkButton to="/sources" look="primary" icon={Plus}>
          Add Sync
        </LinkButton>
      }
    >
      <ListTools label="Filter syncs" value={search.filter} onChange={(filter) => set({ filter })}>
        <Choice
          label="View"
          value={search.view}
          options={[
            { value: undefined, name: "All", count: rows.length },
            ...VIEWS.map((value) => ({
              value,
              name: viewNames[value],
              count: rows.filter((row) => isIn(value, row)).length,
            })),
          ]}
          onChange={(view) => set({ view })}
        />
      </ListTools>
      <Narrow rows={rows} search={search} onChange={set} />
      <SectionCard>
        <Loaded query={syncs} permission="project.read">
          {() => (
            <List
              rows={shown}
              sort={sort}
              onSort={(value) => set({ sort: value })}
              isNarrow={isNarrow}
              onClear={() => void navigate({ search: {}, replace: true })}
            />
          )}
        </Loaded>
      </SectionCard>
    </Page>
  );
}

interface ListProps {
  rows: readonly ListRow[];
  sort: string | undefined;
  onSort: (sort: string | undefined) => void;
  isNarrow: boolean;
  onClear: () => void;
}

function List({ rows, sort, onSort, isNarrow, onClear }: ListProps) {
  const [chosen, setChosen] = useState<readonly string[]>([]);
  const [anchor, setAnchor] = useState<string | null>(null);
  const names = rows.filter(({ isDraft }) => !isDraft).map(({ sync }) => sync.sync);
  const visible = chosen.filter((sync) => names.includes(sync));
  const toggle = (sync: string, isRange: boolean) => {
    const [from, to] = [names.indexOf(anchor ?? sync), names.indexOf(sync)];
    const range = isRange ? names.slice(Math.min(from, to), Math.max(from, to) + 1) : [sync];
    const isOn = visible.includes(sync);
    setChosen(
      isOn && !isRange
        ? visible.filter((one) => one !== sync)
        : [...new Set([...visible, ...range])],
    );
    setAnchor(sync);
  };
  const columns = listColumns({ has: (sync) => visible.includes(sync), toggle });
  return (
    <>
      {names.length > 0 && <BulkBar chosen={visible} shown={names} onChoose={setChosen} />}
      <DataTable
        label="Syncs"
        noun="sync"
        columns={columns}
        rows={rows}
        rowKey={({ sync }) => sync.sync}
        sort={sort}
        onSort={onSort}
        empty={
          isNarrow ? (
            <EmptyState
              icon={RefreshCw}
              title="No sync fits"
              action={<Button onClick={onClear}>Clear filters</Button>}
            >
              No sync is like what you have filtered by.
            </EmptyState>
          ) : (
            <EmptyState
              icon={RefreshCw}
              title="No syncs yet"
              command="outflow init my-project"
              action={
                <LinkButton to="/sources" look="primary">
                  Choose a source
                </LinkButton>
              }
            >
              A sync belongs to a source: it queries one of its databases.
            </EmptyState>
          )
        }
      />
    </>
  );
}

const ANY = "any";

interface NarrowProps {
  rows: readonly ListRow[];
  search: SyncsSearch;
  onChange: (change: SyncsSearch) => void;
}

/** Selects for what the syncs differ in; those with one value only are left out. */
function Narrow({ rows, search, onChange }: NarrowProps) {
  const syncs = rows.map(({ sync }) => sync);
  const all = (of: (sync: SyncDocument) => readonly string[]) =>
    [...new Set(syncs.flatMap(of))].filter(Boolean).sort();
  const parts = [
    ["type", "Type", all(({ type }) => [type])],
    ["source", "Source", all(({ source }) => [source])],
    ["destination", "Destination", all(({ destinations }) => destinations)],
    ["tag", "Tag", all(({ tags }) => tags)],
  ] as const;
  const isUsed = parts.some(([name]) => search[name]);
  return (
    <div className={runsCss.filters}>
      {parts.map(
        ([name, label, values]) =>
          (values.length > 1 || search[name]) && (
            <Select
              key={name}
              label={label}
              name={name}
              options={[
                { value: ANY, label: "Any" },
                ...values.map((value) => ({ value, label: value })),
              ]}
              value={search[name] ?? ANY}
              onChange={(value) => onChange({ [name]: value === ANY ? undefined : value })}
            />
          ),
      )}
      {isUsed && (
        <Button
          look="quiet"
          icon={X}
          onClick={() =>
            onChange({ type: undefined, source: undefined, destination: undefined, tag: undefined })
          }
        >
          Clear filters
        </Button>
      )}
    </div>
  );
}
