/** Rows as CSV (RFC 4180). NULL is an empty field, an empty text is `""`. */

function field(value: string | null): string {
  if (value === null) return "";
  return value === "" || /[",\r\n]|^\s|\s$/.test(value)
    ? `"${value.replaceAll('"', '""')}"`
    : value;
}

export function toCsv(
  columns: readonly string[],
  rows: readonly (readonly (string | null)[])[],
): string {
  return [columns, ...rows].map((row) => row.map(field).join(",")).join("\r\n") + "\r\n";
}
