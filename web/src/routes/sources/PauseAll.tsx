/** Pauses all syncs of a source, and resumes them: the same button takes it back. */
import { useState } from "react";
import { Pause, Play } from "lucide-react";
import { needsRole } from "../../api/permissions";
import { toProblem } from "../../api/problem";
import { useMay } from "../../api/queries/me";
import { usePauseSync } from "../../api/queries/sync-actions";
import type { SyncDocument } from "../../api/types";
import { Button } from "../../ui/Button";

export function PauseAll({ syncs }: { syncs: readonly SyncDocument[] }) {
  const [isPending, setPending] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const { mutateAsync: pause } = usePauseSync();
  const mayPause = useMay("pauses.write");
  if (syncs.length === 0) return null;
  const arePaused = syncs.every(({ paused_since: since }) => since != null);
  const all = async () => {
    setPending(true);
    setProblem(null);
    const others = syncs.filter(({ paused_since: since }) => (since != null) === arePaused);
    try {
      for (const { sync } of others) await pause({ sync, pause: !arePaused });
    } catch (thrown) {
      setProblem(toProblem(thrown).detail);
    } finally {
      setPending(false);
    }
  };
  return (
    <>
      <Button
        icon={arePaused ? Play : Pause}
        pending={isPending}
        disabledReason={!mayPause && needsRole("pauses.write")}
        data-tip={
          arePaused ? undefined : "Their schedules begin no run. Runs that have begun go on."
        }
        onClick={() => void all()}
      >
        {arePaused ? "Resume all syncs" : "Pause all syncs"}
      </Button>
      <span className="sr-only" role="status">
        {problem}
      </span>
    </>
  );
}
