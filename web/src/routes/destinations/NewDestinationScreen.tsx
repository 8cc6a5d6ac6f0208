/** Setting up a destination: its name and the settings of its type. */
import { useQuery } from "@tanstack/react-query";
import { createLazyRoute, Link, useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { needsRole } from "../../api/permissions";
import { useCreateDefinition } from "../../api/queries/definitions";
import { destinationTypesQuery } from "../../api/queries/destinations";
import { useMay } from "../../api/queries/me";
import type { DestinationType } from "../../api/types";
import { Button } from "../../ui/Button";
import { CopyMenu } from "../../ui/CopyMenu";
import { TextField } from "../../ui/Field";
import { Form } from "../../ui/Form";
import { LetterLogo } from "../../ui/LetterLogo";
import { Loaded } from "../../ui/Loaded";
import { Page, SectionCard } from "../../ui/Page";
import { NotFound } from "../../ui/states";
import { DestinationFields, useDestinationForm } from "./DestinationForm";
import css from "./destinations.module.css";
import { keepSecrets, withReferences } from "./save";
import { factsOf, textOf, titleOf } from "./types";

export const Route = createLazyRoute("/app/destinations/new/$type")({
  component: NewDestinationScreen,
});

function NewDestinationScreen() {
  const { type } = Route.useParams();
  const query = useQuery(destinationTypesQuery);
  return (
    <Loaded query={query} permission="project.read">
      {({ items }) => {
        const known = items.find((one) => one.type === type);
        return known ? (
          <NewDestination type={known} />
        ) : (
          <NotFound what={`The type ${type}`} detail="Choose one of the catalogue." />
        );
      }}
    </Loaded>
  );
}

function NewDestination({ type }: { type: DestinationType }) {
  const [name, setName] = useState("");
  const [isTried, setTried] = useState(false);
  const [isKeeping, setKeeping] = useState(false);
  const [failure, setFailure] = useState<unknown>(null);
  const form = useDestinationForm(type, {});
  const create = useCreateDefinition("destination");
  const mayWrite = useMay("project.write");
  const navigate = useNavigate();
  const destination = name.trim();
  const title = titleOf(type);
  const planned = withReferences(destination || "NAME", form.fields, form.settings);

  const save = async () => {
    setTried(true);
    setFailure(null);
    if (!mayWrite || isKeeping || destination === "" || Object.keys(form.problems).length > 0)
      return;
    setKeeping(true);
    try {
      await keepSecrets(destination, planned);
      await create.mutateAsync({ name: destination, value: planned.value });
      void navigate({ to: "/destinations/$destination/test", params: { destination } });
    } catch (thrown) {
      setFailure(thrown);
    } finally {
      setKeeping(false);
    }
  };
  return (
    <Page
      title={`Add ${title}`}
      area="Destinations"
      trail={[
        <Link key="all" to="/destinations">
          Destinations
        </Link>,
        <Link key="catalogue" to="/destinations/catalogue">
          Add Destination
        </Link>,
      ]}
      actions={
        <CopyMenu
          json={planned.value}
          curl={{
            method: "POST",
            path: "/api/v1/destinations",
            body: { name: destination || "NAME", value: planned.value },
          }}
        />
      }
      narrow
    >
      <div className={css.columns}>
        <SectionCard title="Destination" padded>
          <Form
            onSubmit={() => void save()}
            error={failure}
            actions={
              <>
                <Button
                  type="submit"
                  look="primary"
                  pending={isKeeping}
                  disabledReason={!mayWrite && needsRole("project.write")}
                >
                  Save destination
                </Button>
                <span className="muted">Then test it. Nothing is sent until you connect it.</span>
              </>
            }
          >
            <TextField
              label="Name"
              name="name"
              value={name}
              onChange={setName}
              help="Letters, digits, - and _: journeys."
              problem={isTried && destination === "" && "Name is needed."}
              autoComplete="off"
              autoCapitalize="off"
              spellCheck={false}
            />
            <DestinationFields form={form} name={destination} shown={isTried} />
          </Form>
        </SectionCard>
        <SectionCard padded>
          <div className={css.aside}>
            <div className={css.cardHead}>
              <LetterLogo name={title} large />
              <div>
                <h2>{title}</h2>
                <code>{type.type}</code>
              </div>
            </div>
            <p className={css.text}>{textOf(type)}</p>
            <ul className={css.facts} aria-label={`Facts about ${title}`}>
              {factsOf(type).map((fact) => (
                <li key={fact} className={css.fact}>
                  {fact}
                </li>
              ))}
            </ul>
            <p className={css.text}>
              Every call is kept until the destination has answered. A destination that is slow or
              fails delays no other.
            </p>
          </div>
        </SectionCard>
      </div>
    </Page>
  );
}
