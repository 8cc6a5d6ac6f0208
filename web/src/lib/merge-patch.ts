/** JSON merge patches (RFC 7396): what to send so that one value becomes another. */

type Value = Record<string, unknown>;

function isObject(value: unknown): value is Value {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** The patch that makes `after` of `before`; an empty one if they are the same. */
export function patchOf(before: Value, after: Value): Value {
  const patch: Value = {};
  for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
    const [old, now] = [before[key], after[key]];
    if (now === undefined) {
      if (old !== undefined) patch[key] = null;
    } else if (isObject(old) && isObject(now)) {
      const inner = patchOf(old, now);
      if (Object.keys(inner).length > 0) patch[key] = inner;
    } else if (!same(old, now)) {
      patch[key] = now;
    }
  }
  return patch;
}

export function applyPatch(before: Value, patch: Value): Value {
  const after = { ...before };
  for (const [key, change] of Object.entries(patch)) {
    const old = after[key];
    if (change === null || change === undefined) delete after[key];
    else if (isObject(change)) after[key] = applyPatch(isObject(old) ? old : {}, change);
    else after[key] = change;
  }
  return after;
}

export function isEmpty(patch: Value): boolean {
  return Object.keys(patch).length === 0;
}
