/** Adding a sync: which database it reads, then on to the editor. */
import { useQuery } from "@tanstack/react-query";
import { createLazyRoute } from "@tanstack/react-router";
import { ArrowRight, Plus } from "lucide-react";
import { needsRole } from "../../api/permissions";
import { useMay } from "../../api/queries/me";
import { sourcesQuery } from "../../api/queries/sources";
import type { DatabaseDocument } from "../../api/types";
import { Button, LinkButton } from "../../ui/Button";
import { RadioCards } from "../../ui/Field";
import { Form } from "../../ui/Form";
import { Loaded } from "../../ui/Loaded";
import { Page, SectionCard, Stepper } from "../../ui/Page";
import { NotFound } from "../../ui/states";
import { setupSteps } from "./wizard";
import { sourceTrail } from "./trail";

export const Route = createLazyRoute("/app/sources/$source/add-sync")({
  component: AddSyncScreen,
});

function AddSyncScreen() {
  const { source } = Route.useParams();
  const query = useQuery(sourcesQuery);
  return (
    <Page title="Add Sync" area={source} trail={sourceTrail(source)} narrow>
      <Stepper steps={setupSteps} at={0} />
      <Loaded query={query} permission="project.read">
        {({ items }) => {
          const mine = items.filter((one) => one.source === source);
          if (mine.length === 0) return <NotFound what={`The source ${source}`} />;
          return <Choose source={source} databases={mine} />;
        }}
      </Loaded>
    </Page>
  );
}

function Choose({ source, databases }: { source: string; databases: DatabaseDocument[] }) {
  const { database } = Route.useSearch();
  const navigate = Route.useNavigate();
  const mayWrite = useMay("project.write");
  const chosen =
    databases.find((one) => one.database === database)?.database ?? databases[0]!.database;
  const next = () => {
    if (!mayWrite) return;
    void navigate({
      to: "/sources/$source/syncs/new",
      params: { source },
      search: { step: "details", database: chosen },
    });
  };
  return (
    <SectionCard title="Which database does it read?" padded>
      <Form
        onSubmit={next}
        actions={
          <>
            <Button
              type="submit"
              look="primary"
              icon={ArrowRight}
              disabledReason={!mayWrite && needsRole("project.write")}
            >
              Next: Create Sync
            </Button>
            <LinkButton to="/sources/$source/syncs" params={{ source }} look="quiet">
              Back
            </LinkButton>
          </>
        }
      >
        <RadioCards
          label="Database"
          name="database"
          value={chosen}
          onChange={(value) =>
            void navigate({ search: (before) => ({ ...before, database: value }), replace: true })
          }
          cards={databases.map((one) => ({
            value: one.database,
            title: one.database,
            text: one.user ? `${one.address} as ${one.user}` : one.address,
          }))}
        />
        <div>
          <LinkButton
            to="/sources/$source/add-database"
            params={{ source }}
            search={{ next: "sync" }}
            icon={Plus}
            small
          >
            Add database
          </LinkButton>
        </div>
      </Form>
    </SectionCard>
  );
}
