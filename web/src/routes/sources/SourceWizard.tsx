/** Adding a source: for now, the definition as JSON, which the API checks. */
import { createLazyRoute, useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { needsRole } from "../../api/permissions";
import { useCreateDefinition, type Value } from "../../api/queries/definitions";
import { useMay } from "../../api/queries/me";
import { parseObject } from "../../lib/json";
import { Button } from "../../ui/Button";
import { TextArea, TextField } from "../../ui/Field";
import { Form } from "../../ui/Form";
import { Crumb, Page, SectionCard } from "../../ui/Page";
import { NotFound } from "../../ui/states";
import { sourceTypes } from "./source-types";

export const Route = createLazyRoute("/app/sources/new/$type")({ component: SourceWizard });

const examples: Record<string, Value> = {
  redshift: {
    type: "redshift",
    databases: {
      main: {
        host: "cluster.example.eu-central-1.redshift.amazonaws.com",
        database: "analytics",
        user: "outflow_reader",
        password: "${secret:REDSHIFT_PASSWORD}",
      },
    },
  },
  postgres: {
    type: "postgres",
    databases: {
      main: {
        host: "replica.example",
        database: "app",
        user: "outflow_reader",
        password: "${secret:POSTGRES_PASSWORD}",
      },
    },
  },
  sqlite: { type: "sqlite", databases: { main: { path: "shop.db" } } },
};

function SourceWizard() {
  const { type } = Route.useParams();
  const known = sourceTypes.find((one) => one.type === type);
  const [name, setName] = useState("");
  const [text, setText] = useState(() => JSON.stringify(examples[type] ?? {}, null, 2));
  const create = useCreateDefinition("source");
  const mayWrite = useMay("project.write");
  const navigate = useNavigate();
  const parsed = parseObject(text);
  if (!known) return <NotFound what={`A source of the type ${type}`} />;
  const save = () => {
    if (!parsed.value || create.isPending || !mayWrite) return;
    create.mutate(
      { name: name.trim(), value: parsed.value },
      {
        onSuccess: (made) =>
          void navigate({ to: "/sources/$source", params: { source: made.name } }),
      },
    );
  };
  return (
    <Page
      title={known.name}
      area="Add Source"
      trail={[
        <Crumb key="sources" to="/sources">
          Sources
        </Crumb>,
        <Crumb key="new" to="/sources/new">
          Add Source
        </Crumb>,
      ]}
      narrow
    >
      <SectionCard title="Database" padded>
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
              Save database
            </Button>
          }
        >
          <TextField
            label="Name"
            name="name"
            value={name}
            onChange={setName}
            help="Syncs refer to it. Small letters, digits, _ and -."
          />
          <TextArea
            label="Definition"
            name="value"
            rows={14}
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
