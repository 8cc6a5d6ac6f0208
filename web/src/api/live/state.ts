/** Whether what one sees changes by itself. */
import { createStore } from "../../lib/store";

export type LiveState = "connecting" | "live" | "polling";

export const liveState = createStore<LiveState>("connecting");
