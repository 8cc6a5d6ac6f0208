/** The areas of the page, for the navigation, the palette and the keys. */
import {
  ArrowLeftRight,
  Bell,
  ChartColumn,
  Database,
  House,
  ListTree,
  RefreshCw,
  Send,
  Settings,
  type LucideIcon,
} from "lucide-react";
import type { Permission } from "../api/permissions";

export interface Screen {
  to:
    | "/"
    | "/sources"
    | "/syncs"
    | "/runs"
    | "/destinations"
    | "/connections"
    | "/alerts"
    | "/usage"
    | "/settings";
  name: string;
  icon: LucideIcon;
  needs: Permission;
  /** Two keys, one after the other. */
  keys?: string;
}

export const screens: readonly Screen[] = [
  { to: "/", name: "Home", icon: House, needs: "status.read", keys: "g h" },
  { to: "/sources", name: "Sources", icon: Database, needs: "project.read", keys: "g s" },
  { to: "/syncs", name: "Syncs", icon: RefreshCw, needs: "project.read", keys: "g y" },
  { to: "/runs", name: "Runs", icon: ListTree, needs: "runs.read", keys: "g r" },
  { to: "/destinations", name: "Destinations", icon: Send, needs: "project.read", keys: "g d" },
  {
    to: "/connections",
    name: "Connections",
    icon: ArrowLeftRight,
    needs: "project.read",
    keys: "g c",
  },
  { to: "/alerts", name: "Alerts", icon: Bell, needs: "alerts.read", keys: "g a" },
  { to: "/usage", name: "Usage", icon: ChartColumn, needs: "usage.read", keys: "g u" },
  { to: "/settings", name: "Settings", icon: Settings, needs: "project.read", keys: "g t" },
];
