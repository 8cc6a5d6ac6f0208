/** Where the shell shows the breadcrumb of the screen. */
import { createStore } from "../lib/store";

export const trailSlot = createStore<HTMLElement | null>(null);
