/** Adding a sync: for now, the definition as JSON, which is kept as a draft. */
import { createLazyRoute, useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { needsRole } from "../../api/permissions";
import { useCreateDefinition } from "../../api/queries/definitions";
import { useMay } from "../../api/queries/me";
import { parseObject } from "../../lib/json";
import { Button } from "../../ui/Button";
import { TextArea, TextField } from "../../ui/Field";
import { Form } from "../../ui/Form";
import { Crumb, Page, SectionCard } from "../../ui/Page";

export const Route = createLazyRoute("/app/sources/$source/syncs/new")({
  component: NewSyncScreen,
});

function NewSyncScreen() {
  const { source } = Route.useParams();
  const [name, setName] = useState("");
  const [text, setText] = useState(() =>
    JSON.stringify(
      {
        source,
        type: "identify",
        schedule: { every: "15m" },
        query: 'SELECT id AS "userId", email\nFROM users\nWHERE last_updated >= {{last_sync_time}}',
      },
      null,
      2,
    ),
  );
  const create = useCreateDefinition("sync");
  const mayWrite = useMay("project.write");
  const navigate = useNavigate();
  const parsed = parseObject(text);
  const save = () => {
    if (!parsed.value || create.isPending || !mayWrite) return;
    create.mutate(
      { name: name.trim(), value: parsed.value, status: "draft" },
      { onSuccess: (made) => void navigate({ to: "/syncs/$sync", params: { sync: made.name } }) },
    );
  };
  return (
    <Page
      title="Add Sync"
      area={source}
      trail={[
        <Crumb key="sources" to="/sources">
          Sources
        </Crumb>,
        <Crumb key="source" to="/sources/$source" params={{ source }}>
          {source}
        </Crumb>,
      ]}
      narrow
    >
      <SectionCard title="Details and query" padded>
        <Form
          onSubmit={save}
          error={create.error}
          actions={
            <Button
              type="submit"
              look="primary"
              pending={create.isPending}
              disabledReason={!mayWrite && needsRole("project.write")}
            >
              Save as draft
            </Button>
          }
        >
          <TextField label="Name" name="name" value={name} onChange={setName} />
          <TextArea
            label="Definition"
            name="value"
            rows={12}
            mono
            value={text}
            onChange={setText}
            problem={parsed.problem}
          />
        </Form>
      </SectionCard>
    </Page>
  );
}
