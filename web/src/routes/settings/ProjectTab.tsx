/** The whole project as one text: read it, or paste another one, see what would change, apply it. */
import { useQuery } from "@tanstack/react-query";
import { createLazyRoute } from "@tanstack/react-router";
import { Download, FileCode } from "lucide-react";
import { useState } from "react";
import { needsRole } from "../../api/permissions";
import { useMay } from "../../api/queries/me";
import { exportQuery, useApply, usePlan } from "../../api/queries/project";
import { counted } from "../../lib/number";
import { AnchorButton, Button } from "../../ui/Button";
import { CodeBlock } from "../../ui/Code";
import { Disclosure } from "../../ui/Disclosure";
import { Failure } from "../../ui/Failure";
import { Checkbox, TextArea } from "../../ui/Field";
import { Form } from "../../ui/Form";
import { Loaded } from "../../ui/Loaded";
import { Notice } from "../../ui/Notice";
import { SectionCard } from "../../ui/Page";
import { PlanView } from "./PlanView";

export const Route = createLazyRoute("/app/settings/project")({ component: ProjectTab });

function ProjectTab() {
  const query = useQuery(exportQuery);
  const [text, setText] = useState("");
  const [prune, setPrune] = useState(false);
  const plan = usePlan();
  const apply = useApply();
  const may = useMay("project.write");
  const planned = plan.data;
  const forget = () => {
    plan.reset();
    apply.reset();
  };
  return (
    <>
      <SectionCard
        title="Import"
        text="Paste an outflow.yaml, see what would change, and apply it: all of it or nothing."
        padded
      >
        <div className="stack">
          <Form
            error={plan.error}
            onSubmit={() => {
              if (plan.isPending || text.trim() === "" || !may) return;
              apply.reset();
              plan.mutate({ text, prune });
            }}
            actions={
              <>
                <Button
                  type="submit"
                  look={planned ? "secondary" : "primary"}
                  icon={FileCode}
                  pending={plan.isPending}
                  disabledReason={
                    (!may && needsRole("project.write")) ||
                    (text.trim() === "" && "Paste a project first")
                  }
                >
                  Plan
                </Button>
                {query.data !== undefined && text === "" && (
                  <Button onClick={() => setText(query.data)}>
                    Start from the present project
                  </Button>
                )}
              </>
            }
          >
            <TextArea
              label="Project as YAML"
              name="text"
              rows={14}
              mono
              placeholder={"version: 1\nsources:\n  …"}
              help="With its queries in it, without include and targets. Secrets are references."
              value={text}
              onChange={(value) => {
                setText(value);
                forget();
              }}
            />
            <Checkbox
              label="Remove what the text does not have"
              name="prune"
              help="Only what the server owns. What files own, and drafts, always stay."
              checked={prune}
              onChange={(value) => {
                setPrune(value);
                forget();
              }}
            />
          </Form>
          {planned && !apply.data && <PlanView plan={planned.value} />}
          <Failure error={apply.error} what="Nothing was changed" />
          {apply.data && (
            <Notice
              tone="good"
              title={`${counted(apply.data.definitions.length, "change")} applied`}
              live
            >
              {apply.data.definitions.map(({ kind, name }) => `${kind} ${name}`).join(", ")}
            </Notice>
          )}
          {planned && planned.value.changes.length > 0 && !apply.data && (
            <div className="row">
              <Button
                look="primary"
                pending={apply.isPending}
                disabledReason={!may && needsRole("project.write")}
                onClick={() => apply.mutate({ text, prune, etag: planned.etag })}
              >
                Apply {counted(planned.value.changes.length, "change")}
              </Button>
              <span className="muted">Only if nothing has changed since this plan.</span>
            </div>
          )}
        </div>
      </SectionCard>
      <SectionCard
        title="Export"
        text="All that files and the server define, as one outflow.yaml. Drafts are not in it."
        padded
        actions={
          <AnchorButton icon={Download} href="/api/v1/project/export" download="outflow.yaml">
            Download
          </AnchorButton>
        }
      >
        <Loaded query={query} permission="project.read">
          {(yaml) => (
            <Disclosure label={`Show ${counted(yaml.trimEnd().split("\n").length, "line")}`}>
              <CodeBlock text={yaml} label="Copy the project" />
            </Disclosure>
          )}
        </Loaded>
      </SectionCard>
    </>
  );
}
