/**
 * What an answer of the API is shown with: a skeleton while it loads, what is wrong if it does not
 * come, which role is missing, and a note if what is shown is old.
 *
 *     <Loaded query={useQuery(syncsQuery)}>{(data) => …}</Loaded>
 */
import type { ReactNode } from "react";
import { RotateCw } from "lucide-react";
import { toProblem } from "../api/problem";
import type { Permission } from "../api/permissions";
import { Button } from "./Button";
import { Notice } from "./Notice";
import { ErrorState, Forbidden, NotFound, Skeleton } from "./states";
import { Time } from "./values";

/** What is needed of a query's result. */
export interface QueryLike<D> {
  data: D | undefined;
  error: unknown;
  isPending: boolean;
  isFetching: boolean;
  dataUpdatedAt: number;
  refetch: () => unknown;
}

interface Props<D> {
  query: QueryLike<D>;
  children: (data: D) => ReactNode;
  /** The shape of what comes; without it, a few bars. */
  skeleton?: ReactNode;
  /** What is looked for, as a subject: `The sync users`. */
  what?: string;
  /** What the request needs: says which role is missing. */
  permission?: Permission;
}

export function Loaded<D>({ query, children, skeleton, what, permission }: Props<D>) {
  const retry = () => void query.refetch();
  if (query.data !== undefined) {
    return (
      <>
        {query.error != null && <Stale query={query} retry={retry} />}
        {children(query.data)}
      </>
    );
  }
  if (query.isPending) return skeleton ?? <Skeleton />;
  const problem = toProblem(query.error);
  if (problem.status === 403) {
    return <Forbidden detail={problem.detail} {...(permission ? { permission } : {})} />;
  }
  if (problem.status === 404)
    return <NotFound detail={problem.detail} {...(what ? { what } : {})} />;
  return <ErrorState error={query.error} retry={retry} />;
}

function Stale({ query, retry }: { query: QueryLike<unknown>; retry: () => void }) {
  const problem = toProblem(query.error);
  return (
    <Notice
      tone="warn"
      title="This may be out of date"
      actions={
        <Button small icon={RotateCw} pending={query.isFetching} onClick={retry}>
          Retry
        </Button>
      }
    >
      Updated <Time at={new Date(query.dataUpdatedAt).toISOString()} />. {problem.title}
      {problem.code ? ` (${problem.code})` : ""}.
    </Notice>
  );
}
