/** The types of destinations that there are. */
import { useQuery } from "@tanstack/react-query";
import { createLazyRoute, Link } from "@tanstack/react-router";
import { Send } from "lucide-react";
import { destinationTypesQuery } from "../../api/queries/destinations";
import type { DestinationType } from "../../api/types";
import { counted } from "../../lib/number";
import { matches } from "../../lib/search";
import { LetterLogo } from "../../ui/LetterLogo";
import { ListTools } from "../../ui/ListTools";
import { Loaded } from "../../ui/Loaded";
import { Crumb, Page, SectionCard } from "../../ui/Page";
import { EmptyState } from "../../ui/states";
import css from "./destinations.module.css";
import { factsOf, textOf, titleOf } from "./types";

export const Route = createLazyRoute("/app/destinations/catalogue")({ component: CatalogueScreen });

function CatalogueScreen() {
  const { filter } = Route.useSearch();
  const navigate = Route.useNavigate();
  const query = useQuery(destinationTypesQuery);
  return (
    <Page
      title="Add Destination"
      area="Destinations"
      trail={<Crumb to="/destinations">Destinations</Crumb>}
      description="Choose what takes the calls."
    >
      <ListTools
        label="Filter types"
        value={filter}
        onChange={(value) => void navigate({ search: { filter: value }, replace: true })}
      />
      <Loaded query={query} permission="project.read">
        {({ items }) => {
          const shown = items.filter((type) =>
            matches(filter, type.type, titleOf(type), textOf(type)),
          );
          if (shown.length === 0) {
            return (
              <SectionCard>
                <EmptyState icon={Send} title="No type fits">
                  No type of destination has “{filter}” in its name. A webhook takes calls at any
                  address.
                </EmptyState>
              </SectionCard>
            );
          }
          return (
            <>
              <ul className={css.cards} aria-label="Types of destinations">
                {shown.map((type) => (
                  <TypeCard key={type.type} type={type} />
                ))}
              </ul>
              <p className="muted" role="status">
                {counted(shown.length, "type")}
              </p>
            </>
          );
        }}
      </Loaded>
    </Page>
  );
}

function TypeCard({ type }: { type: DestinationType }) {
  const title = titleOf(type);
  return (
    <li className={css.card}>
      <div className={css.cardHead}>
        <LetterLogo name={title} large />
        <div>
          <h2>
            <Link to="/destinations/new/$type" params={{ type: type.type }}>
              {title}
            </Link>
          </h2>
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
    </li>
  );
}
