/** The types of sources that Outflow reads, as the page names them. */
export const sourceTypes = [
  { type: "redshift", name: "Amazon Redshift", text: "Clusters and serverless workgroups." },
  { type: "postgres", name: "PostgreSQL", text: "Version 10 or newer, best a replica." },
  { type: "sqlite", name: "SQLite", text: "A file on the server's machine, to try things out." },
] as const;

export function sourceTypeName(type: string): string {
  return sourceTypes.find((one) => one.type === type)?.name ?? type;
}
