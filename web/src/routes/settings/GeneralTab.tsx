/** The version, how the process is, care of it, and the limits of the installation. */
import { useQuery } from "@tanstack/react-query";
import { createLazyRoute, Link } from "@tanstack/react-router";
import { RefreshCw, ShieldCheck } from "lucide-react";
import { needsRole } from "../../api/permissions";
import { useMay } from "../../api/queries/me";
import { useReload, useVerifyState } from "../../api/queries/project";
import { statusQuery, versionQuery } from "../../api/queries/status";
import { counted } from "../../lib/number";
import { Button } from "../../ui/Button";
import { Failure } from "../../ui/Failure";
import { Loaded } from "../../ui/Loaded";
import { Notice } from "../../ui/Notice";
import { KeyValues, SectionCard } from "../../ui/Page";
import { StatusChip } from "../../ui/StatusChip";
import { Time } from "../../ui/values";
import { SettingEditor } from "./SettingEditor";

export const Route = createLazyRoute("/app/settings/general")({ component: GeneralTab });

function GeneralTab() {
  return (
    <>
      <Installation />
      <SettingEditor
        name="limits"
        title="Limits"
        text="How much Outflow does side by side, and how much may wait."
        permission="settings.write"
      />
    </>
  );
}

function Installation() {
  const version = useQuery(versionQuery).data?.version;
  const query = useQuery(statusQuery);
  const reload = useReload();
  const verify = useVerifyState();
  const may = useMay("settings.write");
  const needed = !may && needsRole("settings.write");
  return (
    <SectionCard
      title="This installation"
      padded
      actions={
        <>
          <Button
            icon={RefreshCw}
            pending={reload.isPending}
            disabledReason={needed}
            data-tip="Reads the project's files again"
            onClick={() => reload.mutate()}
          >
            Reload project
          </Button>
          <Button
            icon={ShieldCheck}
            pending={verify.isPending}
            disabledReason={needed}
            data-tip="Checks every run and segment that is kept"
            onClick={() => verify.mutate()}
          >
            Verify state
          </Button>
        </>
      }
    >
      <div className="stack-tight">
        <Failure error={reload.error} what="The project was not read again" />
        {reload.data && <Notice tone="good" title="The project was read again" live />}
        <Failure error={verify.error} what="The state was not checked" />
        {verify.data && (
          <Notice
            live
            tone={verify.data.problems.length === 0 ? "good" : "bad"}
            title={
              verify.data.problems.length === 0
                ? "The state is whole"
                : `${counted(verify.data.problems.length, "problem")} in the state`
            }
          >
            {counted(verify.data.runs, "run")} checked, the segments of{" "}
            {counted(verify.data.with_segments, "run")} read.
            {verify.data.problems.map((problem) => (
              <p key={problem.message}>
                <code>{problem.code}</code> {problem.message}
              </p>
            ))}
          </Notice>
        )}
        <Loaded query={query} permission="status.read">
          {({ serving, alerts, left_over: leftOver }) => {
            const failed = serving?.tasks ?? [];
            return (
              <KeyValues
                items={[
                  ["Version", version],
                  [
                    "Health",
                    <span key="health" className="row">
                      <StatusChip
                        status={alerts.length === 0 ? "healthy" : "warning"}
                        word={alerts.length === 0 ? "Healthy" : counted(alerts.length, "alert")}
                      />
                      {alerts.length > 0 && <Link to="/alerts">See alerts</Link>}
                    </span>,
                  ],
                  ["Serving since", <Time key="since" at={serving?.since} none="not serving" />],
                  ["Process", serving?.pid],
                  [
                    "Failed parts",
                    failed.length === 0 ? null : (
                      <ul key="tasks">
                        {failed.map((task, index) => (
                          <li key={index}>
                            <code>{JSON.stringify(task)}</code>
                          </li>
                        ))}
                      </ul>
                    ),
                  ],
                  [
                    "Left over",
                    leftOver.length === 0 ? null : (
                      <ul key="left">
                        {leftOver.map(({ message }) => (
                          <li key={message}>{message}</li>
                        ))}
                      </ul>
                    ),
                  ],
                  [
                    "API",
                    <a key="api" href="/api/v1/openapi.json">
                      openapi.json
                    </a>,
                  ],
                ]}
              />
            );
          }}
        </Loaded>
      </div>
    </SectionCard>
  );
}
