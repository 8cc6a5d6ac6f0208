/**
 * Downloads all of a list that comes by pages, as NDJSON or CSV. It says how far it is, can be
 * stopped, and ends at a limit that it names: what is larger is for the command line.
 */
import { Download } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { toProblem } from "../api/problem";
import { counted } from "../lib/number";
import { csvOf, ndjsonOf } from "../lib/table-text";
import { Button } from "./Button";
import { Menu, MenuItem } from "./Menu";

const MOST = 100_000;

export interface DownloadPage<R> {
  items: R[];
  next: string | null;
}

interface Props<R> {
  /** Without its ending: `run-7-rejected`. */
  name: string;
  noun: string;
  page: (cursor: string | null, signal: AbortSignal) => Promise<DownloadPage<R>>;
  /** A row of the CSV. */
  flat: (item: R) => Record<string, unknown>;
  disabledReason?: string | false | undefined;
}

function save(name: string, type: string, text: string) {
  const address = URL.createObjectURL(new Blob([text], { type }));
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

export function DownloadMenu<R>({ name, noun, page, flat, disabledReason }: Props<R>) {
  const [said, setSaid] = useState("");
  const [isBusy, setBusy] = useState(false);
  const stop = useRef<AbortController | null>(null);
  useEffect(() => () => stop.current?.abort(), []);

  const download = async (form: "csv" | "ndjson") => {
    const control = new AbortController();
    stop.current = control;
    setBusy(true);
    const items: R[] = [];
    try {
      let cursor: string | null = null;
      do {
        const { items: found, next }: DownloadPage<R> = await page(cursor, control.signal);
        items.push(...found);
        cursor = next;
        setSaid(counted(items.length, noun));
      } while (cursor !== null && items.length < MOST);
      if (form === "csv") save(`${name}.csv`, "text/csv", csvOf(items.map(flat)));
      else save(`${name}.ndjson`, "application/x-ndjson", ndjsonOf(items));
      const all = cursor === null ? "" : ", the first ones: the command line has no limit";
      setSaid(`${counted(items.length, noun)} saved${all}`);
    } catch (thrown) {
      setSaid(control.signal.aborted ? "Stopped" : toProblem(thrown).detail);
    } finally {
      setBusy(false);
    }
  };
  return (
    <>
      <span className="muted" role="status">
        {said}
      </span>
      {isBusy ? (
        <Button small onClick={() => stop.current?.abort()}>
          Stop
        </Button>
      ) : (
        <Menu
          label="Download as"
          trigger={
            <Button small icon={Download} disabledReason={disabledReason}>
              Download
            </Button>
          }
        >
          <MenuItem onAction={() => void download("ndjson")} hint="One JSON document a line">
            NDJSON
          </MenuItem>
          <MenuItem onAction={() => void download("csv")} hint="For spreadsheets">
            CSV
          </MenuItem>
        </Menu>
      )}
    </>
  );
}
