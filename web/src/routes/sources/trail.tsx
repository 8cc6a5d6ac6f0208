/** What is above the screens of sources, for their breadcrumbs. */
import { Link } from "@tanstack/react-router";

const exact = { exact: true };

export function sourceTrail(source?: string) {
  const sources = (
    <Link key="sources" to="/sources" activeOptions={exact}>
      Sources
    </Link>
  );
  if (source === undefined) return [sources];
  return [
    sources,
    <Link key="source" to="/sources/$source" params={{ source }} activeOptions={exact}>
      {source}
    </Link>,
  ];
}

export const addSourceLink = (
  <Link key="new" to="/sources/new" activeOptions={exact}>
    Add Source
  </Link>
);

export function databasesLink(source: string) {
  return (
    <Link key="databases" to="/sources/$source/databases" params={{ source }}>
      Databases
    </Link>
  );
}
