/** What the page says of types of destinations. The API gives their settings; words are ours. */
import type { DestinationType } from "../../api/types";
import { bytes, count } from "../../lib/number";
import { fieldsOf } from "../../lib/schema-form";

const words: Partial<Record<string, string>> = {
  "customerio-pipelines":
    "People, events, groups and pages for Customer.io, as calls of its Data Pipelines API.",
  segment: "Calls for a source of Segment's HTTP tracking API, which hands them on.",
  rudderstack: "Calls for a RudderStack data plane, hosted or your own.",
  webhook: "Calls as JSON for any address of yours: in batches, as an array, or a line each.",
  file: "Calls as JSON lines in a folder on the server's machine: to look at, or to hand on.",
};

/** The name that people know: `Customer.io Data Pipelines`. */
export function titleOf({ type, settings }: DestinationType): string {
  return typeof settings.title === "string" ? settings.title : type;
}

export function textOf({ type, settings }: DestinationType): string {
  const said = typeof settings.description === "string" ? settings.description : undefined;
  return words[type] ?? said ?? "";
}

/** What its settings say about it: what it needs, and how much it takes at a time. */
export function factsOf({ settings }: DestinationType): string[] {
  const fields = fieldsOf(settings);
  const fallback = (key: string) => fields.find((field) => field.key === key)?.fallback;
  const needs = fields.filter(({ required }) => required).map(({ label }) => label.toLowerCase());
  const region = fields.find(({ key }) => key === "region");
  const [calls, size, file] = ["max_calls", "max_bytes", "max_file_bytes"].map(fallback);
  const atOnce = fallback("concurrency");
  return [
    needs.length > 0 && `Needs ${needs.join(", ")}`,
    region && region.choices.length > 0 && `Regions ${region.choices.join(", ")}`,
    calls && `${count(Number(calls))} calls a request`,
    size && `${bytes(Number(size))} a request`,
    file && `${bytes(Number(file))} a file`,
    atOnce && `${atOnce} requests at a time`,
    fields.some(({ key }) => key === "rate") && "Rate can be limited",
  ].filter((fact) => typeof fact === "string");
}
