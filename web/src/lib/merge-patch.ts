/** The JSON merge patch (RFC 7396) that makes one value of another: null removes a key. Pure. */

type Json = Record<string, unknown>;

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isSame(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

export function mergePatchOf(before: unknown, after: unknown): unknown {
  if (!isObject(before) || !isObject(after)) return after;
  const patch: Json = {};
  for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
    if (!(key in after)) patch[key] = null;
    else if (!(key in before)) patch[key] = after[key];
    else if (isObject(before[key]) && isObject(after[key])) {
      const inner = mergePatchOf(before[key], after[key]) as Json;
      if (Object.keys(inner).length > 0) patch[key] = inner;
    } else if (!isSame(before[key], after[key])) patch[key] = after[key];
  }
  return patch;
}
