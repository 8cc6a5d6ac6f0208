/** Who did something, in words. */
import type { Actor } from "../../api/types";

export function actorName(actor: Actor): string {
  const words: Record<Actor["kind"], string> = {
    person: actor.name,
    token: `token ${actor.name}`,
    local: `${actor.name} on the server's machine`,
    file: "the project's files",
    outflow: "Outflow",
  };
  return words[actor.kind];
}
