/** What happened to a source: its versions, and what the audit log says about it. */
import { createLazyRoute } from "@tanstack/react-router";
import { useMay } from "../../api/queries/me";
import { Choice } from "../../ui/ListTools";
import { AuditPanel } from "../definition/AuditPanel";
import { VersionsPanel } from "../definition/VersionsPanel";

export const Route = createLazyRoute("/app/sources/$source/activity")({ component: ActivityTab });

function ActivityTab() {
  const { source } = Route.useParams();
  const { show } = Route.useSearch();
  const navigate = Route.useNavigate();
  const mayAudit = useMay("audit.read");
  return (
    <>
      {mayAudit && (
        <Choice<"audit">
          label="What is shown"
          value={show}
          options={[
            { value: undefined, name: "Versions" },
            { value: "audit", name: "Audit log" },
          ]}
          onChange={(value) => void navigate({ search: { show: value }, replace: true })}
        />
      )}
      {show === "audit" ? (
        <AuditPanel subject={`source/${source}`} />
      ) : (
        <VersionsPanel kind="source" name={source} />
      )}
    </>
  );
}
