/** The navigation: the areas that the person may see, and how many alerts are open. */
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { alertsQuery } from "../api/queries/alerts";
import { useMe } from "../api/queries/me";
import { versionQuery } from "../api/queries/status";
import { classes } from "../lib/classes";
import { Logo } from "./Logo";
import { screens } from "./screens";
import css from "./shell.module.css";

interface Props {
  isOpen: boolean;
  onGo: () => void;
}

export function Nav({ isOpen, onGo }: Props) {
  const permissions = useMe().data?.permissions ?? [];
  const mayAlerts = permissions.includes("alerts.read");
  const alerts = useQuery({ ...alertsQuery, enabled: mayAlerts }).data?.alerts.length ?? 0;
  const version = useQuery({ ...versionQuery, enabled: permissions.length > 0 }).data?.version;
  return (
    <nav id="nav" className={classes(css.nav, isOpen && css.navOpen)} aria-label="Areas">
      <Link to="/" className={css.brand} onClick={onGo}>
        <Logo />
        Outflow
      </Link>
      {screens
        .filter((screen) => permissions.includes(screen.needs))
        .map(({ to, name, icon: Icon }) => (
          <Link
            key={to}
            to={to}
            className={css.item}
            activeOptions={{ exact: to === "/", includeSearch: false }}
            onClick={onGo}
          >
            <Icon size={16} strokeWidth={1.75} aria-hidden />
            {name}
            {to === "/alerts" && alerts > 0 && (
              <span className={css.count}>
                {alerts}
                <span className="sr-only"> open</span>
              </span>
            )}
          </Link>
        ))}
      {version && <p className={css.navFoot}>Outflow {version}</p>}
    </nav>
  );
}
