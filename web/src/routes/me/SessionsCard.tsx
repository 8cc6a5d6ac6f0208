/** Where one is signed in. */
import { useQuery } from "@tanstack/react-query";
import { toProblem } from "../../api/problem";
import { sessionsQuery } from "../../api/queries/me";
import { useEndSession } from "../../api/queries/sign-in";
import type { SessionEntry } from "../../api/types";
import { browserName } from "../../lib/browser";
import { Button } from "../../ui/Button";
import { DataTable } from "../../ui/DataTable";
import { Loaded } from "../../ui/Loaded";
import { Notice } from "../../ui/Notice";
import { SectionCard } from "../../ui/Page";
import { Time } from "../../ui/values";

export function SessionsCard({ present }: { present: string | null }) {
  const query = useQuery(sessionsQuery);
  const end = useEndSession();
  return (
    <SectionCard title="Sessions" text="Where you are signed in.">
      {end.error && (
        <Notice tone="bad" title={toProblem(end.error).title} live>
          {toProblem(end.error).detail}
        </Notice>
      )}
      <Loaded query={query} permission="account.own">
        {({ items }) => (
          <DataTable
            label="Sessions"
            noun="session"
            rows={inOrder(items, present)}
            rowKey={({ id }) => id}
            columns={[
              {
                id: "agent",
                header: "Browser",
                cell: ({ agent, id }) => (
                  <>
                    <span data-tip={agent ?? undefined}>{browserName(agent)}</span>
                    {id === present && <span className="muted"> (this one)</span>}
                  </>
                ),
              },
              {
                id: "address",
                header: "Address",
                cell: ({ address }) => <code>{address ?? "–"}</code>,
              },
              {
                id: "used",
                header: "Last used",
                cell: (session) => <Time at={session.last_used_at} />,
              },
              {
                id: "from",
                header: "Signed in",
                low: true,
                cell: (session) => <Time at={session.created_at} />,
              },
              { id: "until", header: "Ends", cell: (session) => <Time at={session.expires_at} /> },
              {
                id: "end",
                header: "End it",
                bare: true,
                align: "end",
                cell: ({ id, agent }) =>
                  id !== present && (
                    <Button
                      small
                      pending={end.isPending && end.variables === id}
                      onClick={() => end.mutate(id)}
                    >
                      End<span className="sr-only"> the session of {browserName(agent)}</span>
                    </Button>
                  ),
              },
            ]}
          />
        )}
      </Loaded>
    </SectionCard>
  );
}

/** The present one first, then those that were used last. */
function inOrder(items: readonly SessionEntry[], present: string | null): SessionEntry[] {
  const rank = (session: SessionEntry) =>
    session.id === present ? Infinity : Date.parse(session.last_used_at);
  return [...items].sort((a, b) => rank(b) - rank(a));
}
