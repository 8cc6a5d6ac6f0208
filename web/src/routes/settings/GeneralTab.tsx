/** The version, the process, and what is set. */
import { useQuery } from "@tanstack/react-query";
import { createLazyRoute } from "@tanstack/react-router";
import { statusQuery, versionQuery } from "../../api/queries/status";
import { KeyValues, SectionCard } from "../../ui/Page";
import { Time } from "../../ui/values";
import { SettingList } from "./SettingList";

export const Route = createLazyRoute("/app/settings/general")({ component: GeneralTab });

function GeneralTab() {
  const version = useQuery(versionQuery).data?.version;
  const serving = useQuery(statusQuery).data?.serving;
  return (
    <>
      <SectionCard title="This installation" padded>
        <KeyValues
          items={[
            ["Version", version],
            ["Serving since", <Time key="since" at={serving?.since} none="not serving" />],
            ["Process", serving?.pid],
          ]}
        />
      </SectionCard>
      <SettingList
        isMeant={(name) => name !== "retention"}
        empty="Everything is as usual. What can be set is in the reference of the configuration."
      />
    </>
  );
}
