/** Two people edit one sync: both versions, line by line, and a choice. Nothing is overwritten. */
import { useState } from "react";
import type { Saved } from "../../api/queries/drafts";
import type { Value } from "../../api/queries/definitions";
import { toYaml } from "../../lib/yaml";
import { Button } from "../../ui/Button";
import { DiffView } from "../../ui/Code";
import { Notice } from "../../ui/Notice";
import { Time } from "../../ui/values";
import type { Draft } from "./draft";

export function Conflict({ draft, mine, theirs }: { draft: Draft; mine: Value; theirs: Saved }) {
  const [isPending, setPending] = useState(false);
  const choose = async (choice: "mine" | "theirs") => {
    setPending(true);
    await draft.resolve(choice);
    setPending(false);
  };
  return (
    <div className="stack-tight">
      <Notice
        tone="warn"
        live
        title={`${theirs.by || "Another person"} has changed this sync, too`}
        actions={
          <>
            <Button pending={isPending} onClick={() => void choose("mine")}>
              Keep mine
            </Button>
            <Button pending={isPending} onClick={() => void choose("theirs")}>
              Take theirs
            </Button>
          </>
        }
      >
        Theirs was saved <Time at={theirs.at} /> as version {theirs.version}, and stays among the
        versions whatever you choose. Below, − is theirs and + is yours.
      </Notice>
      <DiffView before={toYaml(theirs.value)} after={toYaml(mine)} label="Theirs and yours" />
    </div>
  );
}
