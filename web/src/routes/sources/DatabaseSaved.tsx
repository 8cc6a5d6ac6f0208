/** After a database was saved: what comes next. */
import { useQuery } from "@tanstack/react-query";
import { ArrowRight, Plus } from "lucide-react";
import { connectionsQuery } from "../../api/queries/connections";
import { sourcesQuery } from "../../api/queries/sources";
import { LinkButton } from "../../ui/Button";
import { Loaded } from "../../ui/Loaded";
import { Notice } from "../../ui/Notice";
import { KeyValues, SectionCard } from "../../ui/Page";
import { NotFound } from "../../ui/states";
import css from "./sources.module.css";

export function DatabaseSaved({ source, database }: { source: string; database: string }) {
  const query = useQuery(sourcesQuery);
  const connections = useQuery(connectionsQuery).data?.connections;
  const isConnected = connections?.some((one) => one.source === source && one.of_source);
  const params = { source };
  return (
    <Loaded query={query} permission="project.read">
      {({ items }) => {
        const found = items.find((one) => one.source === source && one.database === database);
        if (!found) return <NotFound what={`The database ${source}.${database}`} />;
        return (
          <div className={css.saved}>
            <Notice tone="good" title={`${source} is saved`} live>
              Next comes a sync: which rows are read, how often, and what they become.
            </Notice>
            <SectionCard title="Database" padded>
              <div className="stack">
                <KeyValues
                  items={[
                    ["Name", source === database ? source : `${source}.${database}`],
                    ["Address", <code key="address">{found.address}</code>],
                    ["User", found.user],
                  ]}
                />
                {isConnected === false && (
                  <p className="muted">
                    It feeds no destination yet.{" "}
                    <LinkButton to="/sources/$source/destinations" params={params} small>
                      Choose destinations
                    </LinkButton>
                  </p>
                )}
                <div className="row">
                  <LinkButton
                    to="/sources/$source/syncs/new"
                    params={params}
                    search={{ step: "details" }}
                    look="primary"
                    icon={ArrowRight}
                  >
                    Next: Create Sync
                  </LinkButton>
                  <LinkButton to="/sources/$source/overview" params={params}>
                    Open {source}
                  </LinkButton>
                  <LinkButton
                    to="/sources/$source/add-database"
                    params={params}
                    look="quiet"
                    icon={Plus}
                  >
                    Add another database
                  </LinkButton>
                </div>
              </div>
            </SectionCard>
          </div>
        );
      }}
    </Loaded>
  );
}
