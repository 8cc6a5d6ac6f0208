/** The definition of a sync: changed with the difference in view, renamed, deleted. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { createLazyRoute, useNavigate } from "@tanstack/react-router";
import { Save, Trash2 } from "lucide-react";
import { useState } from "react";
import { api, ask } from "../../api/client";
import { needsRole } from "../../api/permissions";
import {
  definitionQuery,
  useChangeDefinition,
  useDeleteDefinition,
  type Value,
} from "../../api/queries/definitions";
import { useMay } from "../../api/queries/me";
import type { DefinitionDocument } from "../../api/types";
import { parseObject } from "../../lib/json";
import { patchOf } from "../../lib/merge-patch";
import { toYaml } from "../../lib/yaml";
import { Button } from "../../ui/Button";
import { CodeBlock, DiffView } from "../../ui/Code";
import { ConfirmDialog } from "../../ui/Dialog";
import { Switch, TextArea, TextField } from "../../ui/Field";
import { Form } from "../../ui/Form";
import { Loaded } from "../../ui/Loaded";
import { isManaged, ManagedNotice } from "../../ui/Managed";
import { Notice } from "../../ui/Notice";
import { KeyValues, SectionCard } from "../../ui/Page";
import { StatusChip } from "../../ui/StatusChip";
import { Time } from "../../ui/values";
import { actorName } from "../definition/actor";

export const Route = createLazyRoute("/app/syncs/$sync/settings")({ component: SettingsTab });

function SettingsTab() {
  const { sync } = Route.useParams();
  const query = useQuery(definitionQuery("sync", sync));
  return (
    <Loaded query={query} what={`The sync ${sync}`} permission="project.read">
      {({ value: definition }) => (
        <>
          <ManagedNotice definition={definition} />
          <SectionCard title="Definition" padded>
            <div className="stack">
              <KeyValues
                items={[
                  ["State", definition.status && <StatusChip status={definition.status} />],
                  ["Version", definition.version],
                  ["Changed", <Time key="at" at={definition.at} />],
                  ["By", actorName(definition.by)],
                ]}
              />
              {isManaged(definition) && (
                <CodeBlock
                  text={toYaml({ syncs: { [sync]: definition.value } })}
                  label="Copy YAML"
                />
              )}
            </div>
          </SectionCard>
          {!isManaged(definition) && (
            <>
              <Change key={`change-${definition.version}`} sync={sync} definition={definition} />
              <Rename key={`rename-${sync}`} sync={sync} />
              <Delete sync={sync} definition={definition} />
            </>
          )}
        </>
      )}
    </Loaded>
  );
}

interface Props {
  sync: string;
  definition: DefinitionDocument;
}

/** What the form shows by itself; everything else stands in the text. */
function partsOf(value: Value) {
  const { description, tags, enabled, ...others } = value;
  return {
    description: typeof description === "string" ? description : "",
    tags: Array.isArray(tags) ? tags.join(", ") : "",
    enabled: enabled !== false,
    others,
  };
}

function Change({ sync, definition }: Props) {
  const before = (definition.value ?? {}) as Value;
  const start = partsOf(before);
  const [description, setDescription] = useState(start.description);
  const [tags, setTags] = useState(start.tags);
  const [enabled, setEnabled] = useState(start.enabled);
  const [text, setText] = useState(() => JSON.stringify(start.others, null, 2));
  const may = useMay("project.write");
  const change = useChangeDefinition("sync", sync);
  const parsed = parseObject(text);
  const words = tags.split(",").map((word) => word.trim());
  const list = words.filter(Boolean);
  const changed: Value = {
    ...(description ? { description } : {}),
    ...(parsed.value ?? start.others),
    ...(list.length > 0 ? { tags: list } : {}),
    ...(enabled === start.enabled
      ? "enabled" in before
        ? { enabled: before.enabled }
        : {}
      : { enabled }),
  };
  // In the order in which it stood, so that the difference shows what changed alone.
  const order = [...Object.keys(before), ...Object.keys(changed)];
  const after: Value = Object.fromEntries(
    [...new Set(order)].filter((key) => key in changed).map((key) => [key, changed[key]]),
  );
  const patch = patchOf(before, after) as Value;
  const isChanged = Object.keys(patch).length > 0;
  const discard = () => {
    setDescription(start.description);
    setTags(start.tags);
    setEnabled(start.enabled);
    setText(JSON.stringify(start.others, null, 2));
  };
  return (
    <SectionCard title="Settings" padded>
      <div className="stack">
        <Form
          onSubmit={() => change.mutate({ patch, version: definition.version })}
          error={change.error}
          actions={
            <>
              <Button
                type="submit"
                look="primary"
                icon={Save}
                pending={change.isPending}
                disabledReason={
                  parsed.problem ??
                  ((!isChanged && "Nothing is changed yet") || (!may && needsRole("project.write")))
                }
              >
                Save
              </Button>
              {isChanged && <Button onClick={discard}>Discard changes</Button>}
            </>
          }
        >
          <TextField
            label="Description"
            name="description"
            optional
            value={description}
            onChange={setDescription}
          />
          <TextField
            label="Tags"
            name="tags"
            optional
            value={tags}
            onChange={setTags}
            help="With commas between."
          />
          <Switch
            label="Enabled"
            name="enabled"
            checked={enabled}
            onChange={setEnabled}
            help="Whether its schedule counts. It can be run by hand all the same."
          />
          <TextArea
            label="Everything else"
            name="value"
            mono
            rows={14}
            value={text}
            onChange={setText}
            problem={parsed.problem}
            help="As JSON: source, type, query, schedule, destinations, guards, columns, …"
          />
        </Form>
        {isChanged && (
          <>
            <h3>What changes</h3>
            <DiffView before={toYaml(before)} after={toYaml(after)} label="What changes" />
          </>
        )}
        {change.isSuccess && !isChanged && <Notice tone="good" title="Saved" live />}
      </div>
    </SectionCard>
  );
}

function Rename({ sync }: { sync: string }) {
  const [name, setName] = useState(sync);
  const navigate = useNavigate();
  const client = useQueryClient();
  const may = useMay("project.write");
  const rename = useMutation({
    mutationFn: () =>
      ask(
        api.POST("/api/v1/syncs/{sync}/rename", {
          params: { path: { sync } },
          body: { name },
        }),
      ),
    onSuccess: async () => {
      await navigate({ to: "/syncs/$sync/settings", params: { sync: name } });
      await client.invalidateQueries();
    },
  });
  return (
    <SectionCard
      title="Rename"
      text="It keeps last_sync_time, its runs, what waits, and the ids of its events."
      padded
    >
      <Form
        onSubmit={() => rename.mutate()}
        error={rename.error}
        actions={
          <Button
            type="submit"
            pending={rename.isPending}
            disabledReason={
              (name === sync && "It has this name already") || (!may && needsRole("project.write"))
            }
          >
            Rename
          </Button>
        }
      >
        <TextField label="Name" name="name" value={name} onChange={setName} />
      </Form>
    </SectionCard>
  );
}

function Delete({ sync, definition }: Props) {
  const [isAsking, setAsking] = useState(false);
  const navigate = useNavigate();
  const may = useMay("project.write");
  const remove = useDeleteDefinition("sync", sync);
  return (
    <SectionCard
      title="Delete"
      text="It runs no more. Its runs, its versions and what destinations have got stay."
      actions={
        <Button
          look="danger"
          icon={Trash2}
          disabledReason={!may && needsRole("project.write")}
          onClick={() => setAsking(true)}
        >
          Delete sync
        </Button>
      }
    >
      <ConfirmDialog
        title={`Delete ${sync}`}
        isOpen={isAsking}
        onClose={() => setAsking(false)}
        name={sync}
        action="Delete sync"
        onConfirm={async () => {
          await remove.mutateAsync({ version: definition.version });
          await navigate({ to: "/syncs" });
        }}
      >
        Its schedule ends, and calls that wait are not sent by new runs. A version of it can be
        restored later.
      </ConfirmDialog>
    </SectionCard>
  );
}
