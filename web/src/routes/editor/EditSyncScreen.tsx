/**
 * A sync that exists. One that runs is not touched while one types: a draft beside it takes the
 * changes, is previewed, and becomes the sync when it is saved. What a file owns can be read.
 */
import { useQuery } from "@tanstack/react-query";
import { createLazyRoute } from "@tanstack/react-router";
import { useCallback, useState } from "react";
import { definitionQuery, definitionsQuery, type Value } from "../../api/queries/definitions";
import { useMay } from "../../api/queries/me";
import { syncQuery } from "../../api/queries/syncs";
import type { DefinitionDocument } from "../../api/types";
import { Loaded } from "../../ui/Loaded";
import { isManaged } from "../../ui/Managed";
import { Editor } from "./Editor";
import { draftBeside, textAt, type Subject } from "./model";
import { savedOf } from "./NewSyncScreen";
import type { Step, View } from "./routes";
import { useDraft } from "./use-draft";

export const Route = createLazyRoute("/app/syncs/$sync/edit")({ component: EditSyncScreen });

function EditSyncScreen() {
  const { sync } = Route.useParams();
  const definition = useQuery(definitionQuery("sync", sync));
  const all = useQuery(definitionsQuery);
  const mayWrite = useMay("project.write");
  return (
    <Loaded query={definition} what={`The sync ${sync}`} permission="project.read">
      {({ value: target }) => (
        <Loaded query={all} permission="project.read">
          {(definitions) => {
            if (isManaged(target) || !mayWrite) return <Reading key={sync} target={target} />;
            const beside = definitions.find(
              ({ kind, name, status }) =>
                kind === "sync" && status === "draft" && name === draftBeside(sync),
            );
            return <Editing key={sync} target={target} beside={beside} />;
          }}
        </Loaded>
      )}
    </Loaded>
  );
}

function Reading({ target }: { target: DefinitionDocument }) {
  // The query can be in a file of its own: the sync's document has its text.
  const detail = useQuery({ ...syncQuery(target.name), enabled: target.status === "enabled" });
  if (detail.isPending && target.status === "enabled") return null;
  const value = { ...(target.value as Value), query: detail.data?.query ?? "" };
  return <Screen target={target} subject="read" value={value} />;
}

interface EditingProps {
  target: DefinitionDocument;
  beside: DefinitionDocument | undefined;
}

function Editing({ target, beside }: EditingProps) {
  // What the draft was when the screen was opened: later versions come through the draft itself.
  const [first] = useState(beside);
  const subject = target.status === "draft" ? "draft" : "enabled";
  return <Screen target={target} subject={subject} beside={first} />;
}

interface ScreenProps {
  target: DefinitionDocument;
  subject: Subject["kind"];
  value?: Value;
  beside?: DefinitionDocument | undefined;
}

function Screen({ target, subject: kind, value, beside }: ScreenProps) {
  const saved = savedOf(target);
  const isBeside = kind === "enabled";
  const [draft, state] = useDraft({
    start: isBeside
      ? beside
        ? savedOf(beside)
        : { name: null, value: saved.value }
      : { ...saved, value: value ?? saved.value },
    ...(isBeside ? { wantedName: draftBeside(target.name) } : {}),
    key: `sync.${target.name}`,
  });
  const source = textAt(saved.value, "source").split(".")[0]!;
  const [opened] = useState(target);
  const [subject] = useState<Subject>(
    kind === "draft" ? { kind, source } : { kind, source, target: opened },
  );
  const { step, view } = Route.useSearch();
  const navigate = Route.useNavigate();
  const go = useCallback(
    (change: { step?: Step; view?: View }) =>
      void navigate({ search: (before) => ({ ...before, ...change }), replace: !change.step }),
    [navigate],
  );
  return (
    <Editor
      draft={draft}
      state={state}
      subject={subject}
      step={step ?? "query"}
      view={view ?? "rows"}
      go={go}
    />
  );
}
