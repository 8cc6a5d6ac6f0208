/** How much time a timeline or a list of runs shows. Small: addresses have it. */

export const ZOOMS = ["1h", "24h", "7d", "30d"] as const;
export type Zoom = (typeof ZOOMS)[number];

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

export const zoomMs: Record<Zoom, number> = {
  "1h": HOUR,
  "24h": DAY,
  "7d": 7 * DAY,
  "30d": 30 * DAY,
};

export const zoomNames: Record<Zoom, string> = {
  "1h": "1 h",
  "24h": "24 h",
  "7d": "7 d",
  "30d": "30 d",
};
