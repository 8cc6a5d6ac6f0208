/** How long rows and calls are kept. */
import { createLazyRoute } from "@tanstack/react-router";
import { SettingList } from "./SettingList";

export const Route = createLazyRoute("/app/settings/retention")({ component: RetentionTab });

function RetentionTab() {
  return (
    <SettingList
      isMeant={(name) => name === "retention"}
      empty="Rows and calls are kept for the usual time. Set retention in outflow.yaml."
    />
  );
}
