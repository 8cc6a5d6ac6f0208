/** One of the settings that are definitions: what holds, and a form of its schema to change it. */
import { useQuery } from "@tanstack/react-query";
import { useMemo, useState, type ReactNode } from "react";
import { needsRole, type Permission } from "../../api/permissions";
import { definitionsQuery } from "../../api/queries/definitions";
import { useMay } from "../../api/queries/me";
import { projectSchemaQuery, usePutSetting } from "../../api/queries/project";
import {
  fieldsOf,
  problemsOf,
  settingsOf,
  typedOf,
  type SchemaField,
  type Settings,
} from "../../lib/schema-form";
import { Button } from "../../ui/Button";
import { DiffView } from "../../ui/Code";
import { Dialog } from "../../ui/Dialog";
import { Form } from "../../ui/Form";
import { Loaded } from "../../ui/Loaded";
import { isManaged, ManagedNotice } from "../../ui/Managed";
import { Notice } from "../../ui/Notice";
import { KeyValues, SectionCard } from "../../ui/Page";
import { SchemaFields } from "../../ui/SchemaFields";
import css from "./settings.module.css";

interface Props {
  name: string;
  title: string;
  text: string;
  permission: Permission;
  /** The keys that are edited; without it, all that are simple. Other keys stay as they are. */
  keys?: readonly string[];
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function useFields(name: string, only: readonly string[] | undefined): SchemaField[] {
  const schema = useQuery(projectSchemaQuery).data;
  return useMemo(() => {
    const properties = schema?.properties;
    const own = isRecord(properties) ? properties[name] : undefined;
    const fields = isRecord(own) ? fieldsOf(own) : [];
    return fields.filter(({ key, kind }) => (only ? only.includes(key) : kind !== "json"));
  }, [schema, name, only]);
}

export function SettingEditor({ name, title, text, permission, keys }: Props) {
  const query = useQuery(definitionsQuery);
  const fields = useFields(name, keys);
  const [isOpen, setOpen] = useState(false);
  const may = useMay(permission);
  return (
    <Loaded query={query} permission="project.read">
      {(definitions) => {
        const definition = definitions.find((one) => one.kind === "setting" && one.name === name);
        const value = isRecord(definition?.value) ? definition.value : {};
        const typed = typedOf(fields, value);
        return (
          <SectionCard
            title={title}
            text={text}
            padded
            actions={
              <Button
                disabledReason={
                  (!may && needsRole(permission)) ||
                  (isManaged(definition) && "A file owns it: change it there")
                }
                onClick={() => setOpen(true)}
              >
                Change<span className="sr-only"> {title}</span>
              </Button>
            }
          >
            <div className="stack-tight">
              <ManagedNotice definition={definition} />
              <KeyValues
                items={fields.map((field): readonly [string, ReactNode] => [
                  field.label,
                  <span key={field.key}>
                    {typed[field.key] ? (
                      <strong>{typed[field.key]}</strong>
                    ) : (
                      <>
                        {field.fallback ?? "not set"}{" "}
                        <span className="muted">{field.fallback && "(default)"}</span>
                      </>
                    )}
                    <span className={css.explained}>{field.help}</span>
                  </span>,
                ])}
              />
            </div>
            {isOpen && (
              <SettingDialog
                name={name}
                title={title}
                fields={fields}
                value={value}
                version={definition?.version}
                onClose={() => setOpen(false)}
              />
            )}
          </SectionCard>
        );
      }}
    </Loaded>
  );
}

interface DialogProps {
  name: string;
  title: string;
  fields: readonly SchemaField[];
  value: Settings;
  version: number | undefined;
  onClose: () => void;
}

function SettingDialog({ name, title, fields, value, version, onClose }: DialogProps) {
  const [typed, setTyped] = useState(() => typedOf(fields, value));
  const put = usePutSetting(name);
  const problems = problemsOf(fields, typed);
  const others = Object.entries(value).filter(([key]) => !fields.some((one) => one.key === key));
  const next = { ...Object.fromEntries(others), ...settingsOf(fields, typed) };
  const before = JSON.stringify(value, null, 2);
  const after = JSON.stringify(next, null, 2);
  const isSame = before === after;
  const save = () => {
    if (put.isPending || isSame || Object.keys(problems).length > 0) return;
    const etag = version === undefined ? null : `"${version}"`;
    put.mutate({ value: next, etag }, { onSuccess: onClose });
  };
  return (
    <Dialog title={`Change ${title.toLowerCase()}`} isOpen onClose={onClose} wide>
      <Form
        error={put.error}
        onSubmit={save}
        actions={
          <>
            <Button
              type="submit"
              look="primary"
              pending={put.isPending}
              disabledReason={isSame && "Nothing is changed"}
            >
              Save
            </Button>
            <Button onClick={onClose}>Cancel</Button>
          </>
        }
      >
        <SchemaFields
          fields={fields.map((field) => ({ ...field, required: true }))}
          typed={typed}
          problems={isSame ? {} : problems}
          onChange={(key, text) => setTyped((old) => ({ ...old, [key]: text }))}
          secret={() => null}
        />
        {!isSame && (
          <>
            <h3>What changes</h3>
            <DiffView before={before} after={after} label="What changes" />
            <Notice>It is in force at once. Runs that go on keep what they began with.</Notice>
          </>
        )}
      </Form>
    </Dialog>
  );
}
