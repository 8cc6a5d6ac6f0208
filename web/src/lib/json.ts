/** JSON that a person types. */

export interface Parsed {
  value: Record<string, unknown> | null;
  problem: string | null;
}

/** An object, or what is wrong with the text. */
export function parseObject(text: string): Parsed {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) {
      return { value: value as Record<string, unknown>, problem: null };
    }
    return {
      value: null,
      problem: "This is JSON, but not an object: it begins with { and ends with }.",
    };
  } catch (thrown) {
    return { value: null, problem: thrown instanceof Error ? thrown.message : "This is not JSON." };
  }
}
