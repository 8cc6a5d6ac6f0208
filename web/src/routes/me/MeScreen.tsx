/** One's own account: how the page behaves, the password, the sessions. */
import { createLazyRoute } from "@tanstack/react-router";
import { useMay, useMe } from "../../api/queries/me";
import { Page } from "../../ui/Page";
import { PasswordCard } from "./PasswordCard";
import { PreferencesCard } from "./PreferencesCard";
import { SessionsCard } from "./SessionsCard";

export const Route = createLazyRoute("/app/me")({ component: MeScreen });

function MeScreen() {
  const me = useMe().data;
  const mayOwn = useMay("account.own");
  return (
    <Page title="Your account" description={me && `You are signed in as ${me.name}.`} narrow>
      <PreferencesCard />
      {mayOwn && <PasswordCard />}
      {mayOwn && <SessionsCard present={me?.session ?? null} />}
    </Page>
  );
}
