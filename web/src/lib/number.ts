/** Numbers as people read them. */

const whole = new Intl.NumberFormat("en-GB");
const compactFormat = new Intl.NumberFormat("en-US", {
  notation: "compact",
  maximumFractionDigits: 1,
});

/** `1,204,331`. */
export function count(value: number): string {
  return whole.format(value);
}

/** `1.2M`: where there is little room; the exact number stands in a tooltip. */
export function compact(value: number): string {
  return Math.abs(value) < 10_000 ? count(value) : compactFormat.format(value);
}

/** `1 row`, `2 rows`. */
export function counted(value: number, one: string, many = plural(one)): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}

function plural(one: string): string {
  return one.endsWith("y") ? `${one.slice(0, -1)}ies` : `${one}s`;
}

/** `12 %`, `< 1 %`: never 0 for something, never 100 for less than all. */
export function percent(part: number, all: number): string {
  if (all === 0) return "–";
  const value = (100 * part) / all;
  if (part > 0 && value < 1) return "< 1 %";
  if (part < all && value > 99) return "> 99 %";
  return `${Math.round(value)} %`;
}

/** `512 B`, `4.2 kB`, `1.3 MB`, in powers of 1000. */
export function bytes(value: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let [amount, unit] = [value, 0];
  while (amount >= 999.5 && unit < units.length - 1) [amount, unit] = [amount / 1000, unit + 1];
  const digits = unit === 0 || amount >= 100 ? 0 : 1;
  return `${amount.toFixed(digits).replace(/\.0$/, "")} ${units[unit]}`;
}
