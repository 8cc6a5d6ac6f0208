/** `Copy as`: the same thing as YAML, as the API's call, as a command, as JSON. */
import { Copy } from "lucide-react";
import { useState } from "react";
import { curlOf, type ApiCall } from "../lib/curl";
import { Button } from "./Button";
import { copyText } from "./Copy";
import { Menu, MenuItem } from "./Menu";

interface Props {
  yaml?: string | (() => string);
  json?: unknown;
  /** The call that the page would make. Secrets stay references. */
  curl?: ApiCall;
  /** Such as `outflow run users`. */
  command?: string;
  markdown?: string | (() => string);
}

export function CopyMenu({ yaml, json, curl, command, markdown }: Props) {
  const [said, setSaid] = useState("");
  const forms: [string, (() => string) | null][] = [
    ["YAML", yaml === undefined ? null : typeof yaml === "string" ? () => yaml : yaml],
    ["cURL", curl ? () => curlOf(curl, window.location.origin) : null],
    ["Command line", command ? () => command : null],
    ["JSON", json === undefined ? null : () => JSON.stringify(json, null, 2)],
    [
      "Markdown",
      markdown === undefined ? null : typeof markdown === "string" ? () => markdown : markdown,
    ],
  ];
  const copy = async (name: string, text: () => string) => {
    setSaid((await copyText(text())) ? `Copied as ${name}` : "Copying is not allowed here");
    setTimeout(() => setSaid(""), 2_000);
  };
  return (
    <>
      <Menu trigger={<Button icon={Copy}>{said || "Copy as"}</Button>} label="Copy as">
        {forms.map(
          ([name, text]) =>
            text && (
              <MenuItem key={name} onAction={() => void copy(name, text)}>
                {name}
              </MenuItem>
            ),
        )}
      </Menu>
      <span className="sr-only" role="status">
        {said}
      </span>
    </>
  );
}
