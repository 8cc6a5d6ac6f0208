/** How long answers are kept, and when the page asks again. */
import { QueryClient } from "@tanstack/react-query";
import { ProblemError } from "./problem";

/** What the server refuses is refused again; what did not arrive may arrive. */
function retries(failures: number, thrown: unknown): boolean {
  if (thrown instanceof ProblemError) {
    const { status } = thrown.problem;
    if (status < 500 && status !== 429 && status !== 408) return false;
  }
  return failures < 2;
}

export function makeQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        staleTime: 15_000,
        gcTime: 10 * 60_000,
        retry: retries,
        // The page learns of changes by live events, and asks again when it is looked at again.
        refetchOnWindowFocus: true,
        // Answers without a network are those of a server on this machine.
        networkMode: "always",
      },
      mutations: { networkMode: "always", retry: false },
    },
  });
}
