/** The steps from a source to a sync that runs: the frame that both wizards show. */
export const setupSteps = ["Database", "Details", "Query", "Review"] as const;
