/** How a source is: its syncs with their last runs, its databases, where its calls go. */
import { createLazyRoute } from "@tanstack/react-router";
import { DatabaseHealth } from "./DatabaseHealth";
import { FedDestinations } from "./FedDestinations";
import css from "./overview.module.css";
import { SyncCards } from "./SyncCards";

export const Route = createLazyRoute("/app/sources/$source/overview")({ component: OverviewTab });

function OverviewTab() {
  const { source } = Route.useParams();
  return (
    <div className={css.columns}>
      <SyncCards source={source} />
      <div className={css.side}>
        <DatabaseHealth source={source} />
        <FedDestinations source={source} />
      </div>
    </div>
  );
}
