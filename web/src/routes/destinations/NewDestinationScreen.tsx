/** Adding a destination: for now, the definition as JSON beside the schema of its settings. */
import { useQuery } from "@tanstack/react-query";
import { createLazyRoute, useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { needsRole } from "../../api/permissions";
import { useCreateDefinition } from "../../api/queries/definitions";
import { destinationTypesQuery } from "../../api/queries/destinations";
import { useMay } from "../../api/queries/me";
import { parseObject } from "../../lib/json";
import { Button } from "../../ui/Button";
import { JsonView } from "../../ui/Code";
import { TextArea, TextField } from "../../ui/Field";
import { Form } from "../../ui/Form";
import { Crumb, Page, SectionCard } from "../../ui/Page";

export const Route = createLazyRoute("/app/destinations/new/$type")({
  component: NewDestinationScreen,
});

function NewDestinationScreen() {
  const { type } = Route.useParams();
  const [name, setName] = useState("");
  const [text, setText] = useState(() => JSON.stringify({ type }, null, 2));
  const create = useCreateDefinition("destination");
  const mayWrite = useMay("project.write");
  const navigate = useNavigate();
  const types = useQuery(destinationTypesQuery).data?.items;
  const schema = types?.find((one) => one.type === type)?.settings;
  const parsed = parseObject(text);
  const save = () => {
    if (!parsed.value || create.isPending || !mayWrite) return;
    create.mutate(
      { name: name.trim(), value: parsed.value },
      {
        onSuccess: (made) =>
          void navigate({ to: "/destinations/$destination", params: { destination: made.name } }),
      },
    );
  };
  return (
    <Page
      title={`Add ${type}`}
      area="Destinations"
      trail={[
        <Crumb key="all" to="/destinations">
          Destinations
        </Crumb>,
        <Crumb key="catalogue" to="/destinations/catalogue">
          Add Destination
        </Crumb>,
      ]}
      narrow
    >
      <SectionCard title="Destination" padded>
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
              Save destination
            </Button>
          }
        >
          <TextField label="Name" name="name" value={name} onChange={setName} />
          <TextArea
            label="Definition"
            name="value"
            rows={8}
            mono
            value={text}
            onChange={setText}
            problem={parsed.problem}
          />
        </Form>
      </SectionCard>
      {schema && (
        <SectionCard title="Settings that it has" padded>
          <JsonView value={schema} />
        </SectionCard>
      )}
    </Page>
  );
}
