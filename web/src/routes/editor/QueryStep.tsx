/** Step 2: the query, what the server says about it, and what its rows become. */
import { useQuery } from "@tanstack/react-query";
import { ArrowLeft, ArrowRight } from "lucide-react";
import { lazy, Suspense, useMemo, useRef, useState } from "react";
import { catalogueQuery } from "../../api/queries/sources";
import { needsRole } from "../../api/permissions";
import { useMay } from "../../api/queries/me";
import { shapes } from "../../lib/columns";
import { Button } from "../../ui/Button";
import { Skeleton } from "../../ui/states";
import type { SqlEditorHandle } from "../../ui/editor/SqlEditor";
import type { StepProps } from "./Editor";
import css from "./editor.module.css";
import { EnableButton } from "./EnableButton";
import { FindingList } from "./FindingList";
import { diagnosticsOf } from "./findings";
import { textAt, typeOf } from "./model";
import { Results } from "./results/Results";
import { RunBar } from "./RunBar";
import { namespaceOf } from "./schema";
import { SchemaTree } from "./SchemaTree";
import type { Since } from "./use-preview";

const SqlEditor = lazy(() => import("../../ui/editor/SqlEditor"));

const NO_FIELDS: readonly string[] = [];

export default function QueryStep(props: StepProps) {
  const { draft, state, subject, database, preview, checks, view, go } = props;
  const editor = useRef<SqlEditorHandle>(null);
  const [since, setSince] = useState<Since>({ kind: "first" });
  const [limit, setLimit] = useState(100);
  const mayRead = useMay("rows.read");
  const text = textAt(state.value, "query");
  const type = typeOf(state.value);
  const isRead = subject.kind === "read";
  const mayCatalogue = useMay("sources.query");
  const name = database ? `${database.source}.${database.database}` : "";
  const catalogue = useQuery({
    ...catalogueQuery(name),
    enabled: database !== undefined && mayCatalogue,
  });
  const schema = useMemo(
    () => (catalogue.data ? namespaceOf(catalogue.data) : null),
    [catalogue.data],
  );

  const { findings, areOld } = checks;
  const diagnostics = useMemo(() => (areOld ? [] : diagnosticsOf(findings)), [findings, areOld]);
  const run = () => {
    if (mayRead && text.trim() !== "") preview.run(since, limit);
  };
  const blocked = checks.areOld
    ? null
    : checks.areOk
      ? null
      : "There is an error: it stands below the query.";
  const next = async () => {
    if (isRead || (subject.kind === "enabled" && state.name === null) || (await draft.flush()))
      go({ step: "review" });
  };
  return (
    <div className={css.query}>
      <div className={css.work}>
        <SchemaTree
          query={catalogue}
          database={database}
          mayRead={mayCatalogue}
          onInsert={(name) => editor.current?.insert(name)}
        />
        <section className={css.editorCard} aria-label="Query">
          <RunBar
            since={since}
            onSince={setSince}
            limit={limit}
            onLimit={setLimit}
            hasRun={subject.kind !== "draft"}
            preview={preview}
            disabledReason={
              !mayRead ? needsRole("rows.read") : text.trim() === "" ? "Write a query first." : null
            }
            onRun={run}
            onInsert={isRead ? null : () => editor.current?.insert("{{last_sync_time}}")}
          />
          <div className={css.editorBox}>
            <Suspense fallback={<Skeleton lines={6} label="Loading the editor" />}>
              <SqlEditor
                ref={editor}
                label="SQL query"
                describedBy="query-keys"
                value={text}
                onChange={(query) => draft.change({ query })}
                onRun={run}
                onSave={() => void draft.flush()}
                readOnly={isRead}
                kind={database?.type ?? "redshift"}
                schema={schema?.namespace ?? null}
                defaultSchema={schema?.defaultSchema}
                fields={type ? shapes[type].reserved : NO_FIELDS}
                findings={diagnostics}
              />
            </Suspense>
          </div>
          <p className={css.keys} id="query-keys">
            <span>
              <kbd>Ctrl</kbd> <kbd>Enter</kbd> runs
            </span>
            <span>
              <kbd>Ctrl</kbd> <kbd>S</kbd> saves
            </span>
            <span>
              <kbd>Esc</kbd> then <kbd>Tab</kbd> leaves the editor
            </span>
          </p>
          <FindingList
            checks={checks}
            isEmpty={text.trim() === ""}
            isNew={state.name === null}
            canFix={!isRead}
            onShow={({ range }) => range && editor.current?.show(range.from, range.to)}
            onFix={({ fix }) => fix && editor.current?.replace(fix.from, fix.to, fix.text)}
          />
        </section>
      </div>
      <Results
        {...props}
        view={view}
        onRun={run}
        onReplace={(from, to, now) => editor.current?.replace(from, to, now)}
      />
      <div className={css.foot}>
        <Button icon={ArrowLeft} onClick={() => go({ step: "details" })}>
          Back
        </Button>
        <span className={css.footEnd}>
          {!isRead && <EnableButton {...props} isShort />}
          <Button
            look="primary"
            icon={ArrowRight}
            disabledReason={text.trim() === "" ? "Write a query first." : blocked}
            onClick={() => void next()}
          >
            Next: Review
          </Button>
        </span>
      </div>
    </div>
  );
}
