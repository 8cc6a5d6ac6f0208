/** How each database of a source is, as far as the last runs show. */
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { sourcesQuery } from "../../api/queries/sources";
import { statusQuery } from "../../api/queries/status";
import { syncsQuery } from "../../api/queries/syncs";
import { Loaded } from "../../ui/Loaded";
import { SectionCard } from "../../ui/Page";
import { StatusChip } from "../../ui/StatusChip";
import { Time } from "../../ui/values";
import { databaseName, healthOf, sourceName, type SourceHealth } from "./health";
import css from "./overview.module.css";

export function DatabaseHealth({ source }: { source: string }) {
  const query = useQuery(sourcesQuery);
  const syncs = useQuery(syncsQuery).data?.syncs ?? [];
  const status = useQuery(statusQuery).data;
  return (
    <SectionCard title="Databases">
      <Loaded query={query} permission="project.read">
        {({ items }) => (
          <ul className={css.list}>
            {items
              .filter((one) => one.source === source)
              .map(({ database, address }) => {
                const mine = syncs.filter(
                  (sync) => sourceName(sync) === source && databaseName(sync) === database,
                );
                const health = healthOf(mine, status);
                return (
                  <li key={database} className={css.item}>
                    <div className={css.cardHead}>
                      <Link to="/sources/$source/databases" params={{ source }}>
                        {database}
                      </Link>
                      <StatusChip status={health.state} word={words[health.state]} plain />
                    </div>
                    <code className={css.address}>{address}</code>
                    <HealthText health={health} />
                  </li>
                );
              })}
          </ul>
        )}
      </Loaded>
    </SectionCard>
  );
}

const words: Record<SourceHealth["state"], string> = {
  healthy: "Answers",
  failing: "Does not answer",
  paused: "Paused",
  never: "Not read yet",
};

export function HealthText({ health }: { health: SourceHealth }) {
  const { contact, error } = health;
  return (
    <>
      {error && (
        <p className={css.error}>
          <code>{error.reason.code}</code> {error.reason.message}{" "}
          <Link to="/runs/$run" params={{ run: String(error.run) }}>
            Run {error.run}
          </Link>
        </p>
      )}
      {contact ? (
        <p className="muted">
          Last read <Time at={contact.at} /> by{" "}
          <Link to="/runs/$run" params={{ run: String(contact.run) }}>
            {contact.sync}
          </Link>
        </p>
      ) : (
        <p className="muted">No run has read it yet. Test connection says whether it answers.</p>
      )}
    </>
  );
}
