/** Code, JSON and differences of texts, each to read and to copy. Everything is text, never markup. */
import { useMemo, type ReactNode } from "react";
import { diffLines } from "../lib/diff";
import { CopyButton } from "./Copy";
import css from "./code.module.css";

interface BlockProps {
  text: string;
  /** What it is, for the copy button: `Copy SQL`. */
  label?: string;
  children?: ReactNode;
}

export function CodeBlock({ text, label = "Copy", children }: BlockProps) {
  return (
    <div className={css.block}>
      {/* It scrolls, so that the keyboard has to reach it. */}
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
      <pre tabIndex={0}>
        <code>{children ?? text}</code>
      </pre>
      <div className={css.copy}>
        <CopyButton text={text} label={label} />
      </div>
    </div>
  );
}

interface JsonProps {
  value: unknown;
  /** Paths such as `traits.email` that are marked. */
  marked?: readonly string[];
  label?: string;
}

export function JsonView({ value, marked = [], label = "Copy JSON" }: JsonProps) {
  const text = useMemo(() => JSON.stringify(value, null, 2) ?? "null", [value]);
  return (
    <CodeBlock text={text} label={label}>
      <JsonPart value={value} path="" indent="" marked={marked} />
    </CodeBlock>
  );
}

interface PartProps {
  value: unknown;
  path: string;
  indent: string;
  marked: readonly string[];
}

function JsonPart({ value, path, indent, marked }: PartProps): ReactNode {
  if (typeof value === "string") return <span className={css.string}>{JSON.stringify(value)}</span>;
  if (typeof value === "number") return <span className={css.number}>{String(value)}</span>;
  if (typeof value !== "object" || value === null) {
    return <span className={css.word}>{JSON.stringify(value) ?? "null"}</span>;
  }
  const isList = Array.isArray(value);
  const entries = Object.entries(value);
  if (entries.length === 0) return isList ? "[]" : "{}";
  const inner = `${indent}  `;
  return (
    <>
      {isList ? "[" : "{"}
      {entries.map(([key, item], index) => {
        const at = path === "" ? key : `${path}.${key}`;
        const isMarked = marked.includes(at);
        return (
          <span key={key}>
            {`\n${inner}`}
            <span className={isMarked ? css.mark : undefined}>
              {!isList && (
                <>
                  <span className={css.key}>{JSON.stringify(key)}</span>
                  {": "}
                </>
              )}
              <JsonPart value={item} path={at} indent={inner} marked={marked} />
            </span>
            {index < entries.length - 1 && ","}
          </span>
        );
      })}
      {`\n${indent}`}
      {isList ? "]" : "}"}
    </>
  );
}

const signs = { same: " ", removed: "−", added: "+" } as const;
const spoken = { same: "", removed: "removed: ", added: "added: " } as const;

interface DiffProps {
  before: string;
  after: string;
  label: string;
}

export function DiffView({ before, after, label }: DiffProps) {
  const lines = useMemo(() => diffLines(before, after), [before, after]);
  return (
    <div className={css.diff}>
      <table aria-label={label}>
        <tbody>
          {lines.map((line, index) => (
            <tr key={index} className={line.kind === "same" ? undefined : css[line.kind]}>
              <td className={css.lineNumber}>{line.before}</td>
              <td className={css.lineNumber}>{line.after}</td>
              <td className={css.sign} aria-hidden>
                {signs[line.kind]}
              </td>
              <td>
                <span className="sr-only">{spoken[line.kind]}</span>
                {line.text}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
