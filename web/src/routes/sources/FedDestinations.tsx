/** Which destinations a source feeds, in a few lines. */
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { connectionsQuery } from "../../api/queries/connections";
import { counted } from "../../lib/number";
import { LinkButton } from "../../ui/Button";
import { Loaded } from "../../ui/Loaded";
import { SectionCard } from "../../ui/Page";
import css from "./overview.module.css";

export function FedDestinations({ source }: { source: string }) {
  const query = useQuery(connectionsQuery);
  const params = { source };
  return (
    <SectionCard
      title="Destinations"
      actions={
        <LinkButton to="/sources/$source/destinations" params={params} small look="quiet">
          Change
        </LinkButton>
      }
    >
      <Loaded query={query} permission="project.read">
        {({ connections }) => {
          const mine = connections.filter((one) => one.source === source);
          if (mine.length === 0) {
            return (
              <p className={css.none}>
                It feeds none yet. What is read goes nowhere until it is connected.
              </p>
            );
          }
          return (
            <ul className={css.list}>
              {mine.map(({ destination, syncs }) => (
                <li key={destination} className={css.item}>
                  <div className={css.cardHead}>
                    <Link to="/destinations/$destination" params={{ destination }}>
                      {destination}
                    </Link>
                    <span className="muted">{counted(syncs.length, "sync")}</span>
                  </div>
                </li>
              ))}
            </ul>
          );
        }}
      </Loaded>
    </SectionCard>
  );
}
