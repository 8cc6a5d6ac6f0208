/** A new sync of a source: a draft from the first name on, which can be left and taken up again. */
import { useQuery } from "@tanstack/react-query";
import { createLazyRoute, Link } from "@tanstack/react-router";
import { useCallback, useEffect, useState } from "react";
import { definitionQuery, definitionsQuery, type Value } from "../../api/queries/definitions";
import { sourcesQuery } from "../../api/queries/sources";
import type { Saved } from "../../api/queries/drafts";
import type { DefinitionDocument } from "../../api/types";
import { Loaded } from "../../ui/Loaded";
import { Notice } from "../../ui/Notice";
import { NotFound } from "../../ui/states";
import { Editor } from "./Editor";
import { textAt, type Subject } from "./model";
import type { Step, View } from "./routes";
import { useDraft } from "./use-draft";

export const Route = createLazyRoute("/app/sources/$source/syncs/new")({
  component: NewSyncScreen,
});

function NewSyncScreen() {
  const { source } = Route.useParams();
  const { draft, database } = Route.useSearch();
  // A draft that gets its name here stays the same one: only the address changes.
  const [begun] = useState(draft);
  return (
    <Loaded query={useQuery(sourcesQuery)} permission="project.read">
      {({ items }) => {
        const databases = items.filter((one) => one.source === source);
        if (databases.length === 0) return <NotFound what={`The source ${source}`} />;
        if (begun) return <Continued name={begun} source={source} />;
        const chosen = databases.find((one) => one.database === database) ?? databases[0]!;
        const full = databases.length > 1 ? `${source}.${chosen.database}` : source;
        return <NewDraft source={source} value={{ source: full, schedule: { every: "15m" } }} />;
      }}
    </Loaded>
  );
}

function Continued({ name, source }: { name: string; source: string }) {
  const query = useQuery(definitionQuery("sync", name));
  return (
    <Loaded query={query} what={`The draft ${name}`} permission="project.read">
      {({ value: definition }) =>
        definition.status === "draft" ? (
          <NewDraft key={name} source={source} start={savedOf(definition)} />
        ) : (
          <Notice title={`${name} is no draft any more`}>
            {definition.status === "enabled" ? (
              <Link to="/syncs/$sync/edit" params={{ sync: name }}>
                Edit the sync
              </Link>
            ) : (
              "It was removed."
            )}
          </Notice>
        )
      }
    </Loaded>
  );
}

export function savedOf(definition: DefinitionDocument): Saved {
  const { name, version, at, by } = definition;
  return { name, version, at, by: by.name, value: (definition.value ?? {}) as Value };
}

function NewDraft({ source, value, start }: { source: string; value?: Value; start?: Saved }) {
  const [draft, state] = useDraft({
    start: start ?? { name: null, value: value ?? {} },
    key: start ? `sync.${start.name}` : `new.${source}`,
  });
  const [subject] = useState<Subject>({ kind: "draft", source });
  const { step, view } = Route.useSearch();
  const navigate = Route.useNavigate();
  const { name } = state;
  useEffect(() => {
    if (!name) return;
    void navigate({ search: (before) => ({ ...before, draft: name }), replace: true });
  }, [name, navigate]);
  const go = useCallback(
    (change: { step?: Step; view?: View }) =>
      void navigate({ search: (before) => ({ ...before, ...change }), replace: !change.step }),
    [navigate],
  );
  // Without a name there is nothing to run or to enable yet.
  const at = name === null ? "details" : (step ?? "details");
  return (
    <Editor draft={draft} state={state} subject={subject} step={at} view={view ?? "rows"} go={go}>
      {!start && name === null && <OtherDrafts source={source} />}
    </Editor>
  );
}

/** What was begun before and not enabled. */
function OtherDrafts({ source }: { source: string }) {
  const drafts = (useQuery(definitionsQuery).data ?? []).filter(
    ({ kind, status, value }) =>
      kind === "sync" &&
      status === "draft" &&
      textAt((value ?? {}) as Value, "source").split(".")[0] === source,
  );
  if (drafts.length === 0) return null;
  return (
    <Notice title={drafts.length === 1 ? "There is a draft of this source" : "There are drafts"}>
      Continue{" "}
      {drafts.map(({ name }, index) => (
        <span key={name}>
          {index > 0 && ", "}
          <Link to="/syncs/$sync/edit" params={{ sync: name }} search={{ step: "details" }}>
            {name}
          </Link>
        </span>
      ))}
      , or begin another one below.
    </Notice>
  );
}
