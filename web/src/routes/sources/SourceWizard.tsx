/** Adding a source: its database, a test of it, and on to the first sync. */
import { useQuery } from "@tanstack/react-query";
import { createLazyRoute } from "@tanstack/react-router";
import { sourcesQuery } from "../../api/queries/sources";
import { LinkButton } from "../../ui/Button";
import { Page, Stepper } from "../../ui/Page";
import { NotFound } from "../../ui/states";
import { DatabaseSaved } from "./DatabaseSaved";
import { DatabaseSetup } from "./DatabaseSetup";
import { sourceTypes } from "./source-types";
import { setupSteps } from "./wizard";
import { addSourceLink, sourceTrail } from "./trail";

export const Route = createLazyRoute("/app/sources/new/$type")({ component: SourceWizard });

function SourceWizard() {
  const { type } = Route.useParams();
  const { saved } = Route.useSearch();
  const navigate = Route.useNavigate();
  const sources = useQuery(sourcesQuery).data?.items ?? [];
  const known = sourceTypes.find((one) => one.type === type);
  if (!known) return <NotFound what={`A source of the type ${type}`} />;
  return (
    <Page
      title={known.name}
      area="Add Source"
      trail={[...sourceTrail(), addSourceLink]}
      description="Say where the database is, see that it answers, then make the first sync."
    >
      <Stepper steps={setupSteps} at={saved ? 1 : 0} />
      {saved ? (
        <DatabaseSaved source={saved} database="main" />
      ) : (
        <DatabaseSetup
          type={known.type}
          present={null}
          taken={sources.map(({ source }) => source)}
          onDone={({ document }) => void navigate({ search: { saved: document.name } })}
          cancel={
            <LinkButton to="/sources/new" look="quiet">
              Back
            </LinkButton>
          }
        />
      )}
    </Page>
  );
}
