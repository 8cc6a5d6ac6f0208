/** The frame of the settings, and their parts. */
import { createLazyRoute, Outlet } from "@tanstack/react-router";
import { Page, Tab, Tabs } from "../../ui/Page";

export const Route = createLazyRoute("/app/settings")({ component: SettingsScreen });

function SettingsScreen() {
  return (
    <Page
      title="Settings"
      tabs={
        <Tabs label="Parts of the settings">
          <Tab to="/settings/general">General</Tab>
          <Tab to="/settings/members">Members</Tab>
          <Tab to="/settings/roles">Roles</Tab>
          <Tab to="/settings/tokens">Tokens</Tab>
          <Tab to="/settings/secrets">Secrets</Tab>
          <Tab to="/settings/audit">Audit</Tab>
          <Tab to="/settings/retention">Retention</Tab>
          <Tab to="/settings/project">Project</Tab>
        </Tabs>
      }
    >
      <Outlet />
    </Page>
  );
}
