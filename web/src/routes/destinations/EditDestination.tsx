/** Changing the settings of a destination that the server owns: what changes is shown first. */
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { needsRole } from "../../api/permissions";
import { useChangeDefinition } from "../../api/queries/definitions";
import { destinationTypesQuery } from "../../api/queries/destinations";
import { useMay } from "../../api/queries/me";
import type { DefinitionDocument, DestinationType } from "../../api/types";
import { patchOf, type Settings } from "../../lib/schema-form";
import { Button } from "../../ui/Button";
import { DiffView } from "../../ui/Code";
import { Form } from "../../ui/Form";
import { Loaded } from "../../ui/Loaded";
import { Notice } from "../../ui/Notice";
import { SectionCard } from "../../ui/Page";
import { DestinationFields, useDestinationForm } from "./DestinationForm";
import { keepSecrets, withReferences } from "./save";

interface Props {
  definition: DefinitionDocument;
}

export function EditDestination({ definition }: Props) {
  const query = useQuery(destinationTypesQuery);
  const value = (definition.value ?? {}) as Settings;
  return (
    <Loaded query={query} permission="project.read">
      {({ items }) => (
        <Editor
          definition={definition}
          present={value}
          type={items.find(({ type }) => type === value.type)}
        />
      )}
    </Loaded>
  );
}

interface EditorProps extends Props {
  present: Settings;
  type: DestinationType | undefined;
}

function lines(settings: Settings): string {
  const sorted = Object.keys(settings)
    .sort()
    .map((key) => [key, settings[key]]);
  return JSON.stringify(Object.fromEntries(sorted), null, 2);
}

function Editor({ definition, present, type }: EditorProps) {
  const { name, version } = definition;
  const form = useDestinationForm(type, present);
  const change = useChangeDefinition("destination", name);
  const mayWrite = useMay("project.write");
  const [isTried, setTried] = useState(false);
  const [isPending, setPending] = useState(false);
  const [failure, setFailure] = useState<unknown>(null);
  const planned = withReferences(name, form.fields, form.settings);
  const [before, after] = [lines(present), lines(planned.value)];
  const isSame = before === after && planned.secrets.length === 0;

  const save = async () => {
    setTried(true);
    setFailure(null);
    if (isSame || isPending || !mayWrite || Object.keys(form.problems).length > 0) return;
    setPending(true);
    try {
      await keepSecrets(name, planned);
      await change.mutateAsync({ patch: patchOf(present, planned.value), version });
    } catch (thrown) {
      setFailure(thrown);
    } finally {
      setPending(false);
    }
  };
  return (
    <SectionCard title="Settings" text={`Version ${version}`} padded>
      <Form
        onSubmit={() => void save()}
        error={failure}
        actions={
          <Button
            type="submit"
            look="primary"
            pending={isPending}
            disabledReason={
              (!mayWrite && needsRole("project.write")) || (isSame && "Nothing is changed")
            }
          >
            Save changes
          </Button>
        }
      >
        <DestinationFields form={form} name={name} shown={isTried} />
        {!isSame && (
          <>
            <h3>What changes</h3>
            <DiffView before={before} after={after} label="What changes" />
            {planned.secrets.length > 0 && (
              <Notice>
                {planned.secrets.map((secret) => secret.name).join(", ")} gets the new value.
              </Notice>
            )}
          </>
        )}
      </Form>
    </SectionCard>
  );
}
