/** A secret that is shown once: it can be copied, and what happens afterwards is said. */
import type { ReactNode } from "react";
import { CodeBlock } from "./Code";
import { Notice } from "./Notice";

interface Props {
  title: string;
  secret: string;
  /** What the copy button says: `Copy the password`. */
  label: string;
  children?: ReactNode;
}

export function ShownOnce({ title, secret, label, children }: Props) {
  return (
    <div className="stack-tight">
      <Notice tone="good" title={title} live>
        It is shown this once. Copy it now: Outflow does not keep it in a form that can be read.
      </Notice>
      <CodeBlock text={secret} label={label} />
      {children}
    </div>
  );
}
