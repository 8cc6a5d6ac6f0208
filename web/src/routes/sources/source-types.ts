/** The types of sources that Outflow reads, as the page names them. */
export const sourceTypes = [
  {
    type: "redshift",
    name: "Amazon Redshift",
    text: "Provisioned clusters and serverless workgroups.",
    detail: "Log in with a password or AWS IAM; through an SSH tunnel if needed.",
  },
  {
    type: "postgres",
    name: "PostgreSQL",
    text: "Version 10 or newer, best a replica.",
    detail: "Log in with a password; through an SSH tunnel if needed.",
  },
  {
    type: "sqlite",
    name: "SQLite",
    text: "A file on the server’s machine.",
    detail: "To try things out. The operator has to allow paths.",
  },
] as const;

export function sourceTypeName(type: string): string {
  return sourceTypes.find((one) => one.type === type)?.name ?? type;
}
