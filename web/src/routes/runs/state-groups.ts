/** States of runs as a person looks for them. */
export const stateGroups = [
  { value: undefined, name: "All" },
  { value: "queued,extracting,delivering", name: "In progress" },
  { value: "awaiting_approval", name: "Need approval" },
  { value: "failed,partial,lost", name: "Failed or partial" },
  { value: "succeeded_with_rejected", name: "Rejected rows" },
  { value: "succeeded", name: "Succeeded" },
  { value: "skipped", name: "Skipped" },
] as const;
