/** Buttons that copy. What was copied is said for two seconds, for eyes and screen readers. */
import { Check, Copy } from "lucide-react";
import { useEffect, useState } from "react";
import { Button, IconButton } from "./Button";

const SAID_MS = 2_000;

/** Copies also where the clipboard's interface is missing: on a page without TLS. */
export async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = document.createElement("textarea");
    area.value = text;
    area.style.position = "fixed";
    area.style.opacity = "0";
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}

interface Props {
  text: string | (() => string);
  label?: string;
  /** With the label beside the icon. */
  shown?: boolean;
  small?: boolean;
}

export function CopyButton({ text, label = "Copy", shown = false, small = false }: Props) {
  const [outcome, setOutcome] = useState<"copied" | "refused" | null>(null);
  useEffect(() => {
    if (!outcome) return;
    const timer = setTimeout(() => setOutcome(null), SAID_MS);
    return () => clearTimeout(timer);
  }, [outcome]);
  const copy = async () => {
    const done = await copyText(typeof text === "string" ? text : text());
    setOutcome(done ? "copied" : "refused");
  };
  const said = outcome === "copied" ? "Copied" : outcome === "refused" ? "Not allowed here" : label;
  const icon = outcome === "copied" ? Check : Copy;
  return (
    <>
      {shown ? (
        <Button small={small} icon={icon} onClick={() => void copy()}>
          {said}
        </Button>
      ) : (
        <IconButton icon={icon} label={said} small onClick={() => void copy()} />
      )}
      <span className="sr-only" role="status">
        {outcome ? said : ""}
      </span>
    </>
  );
}
