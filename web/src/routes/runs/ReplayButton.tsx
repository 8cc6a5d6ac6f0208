/** The button on top of a run: what of it can be sent again. */
import { RotateCw } from "lucide-react";
import { useState } from "react";
import { needsRole } from "../../api/permissions";
import { useMay } from "../../api/queries/me";
import type { RunListEntry } from "../../api/types";
import { counted } from "../../lib/number";
import { totalsOf } from "../../lib/run-story";
import { Button } from "../../ui/Button";
import { Menu, MenuItem } from "../../ui/Menu";
import { ReplayDialog, type ReplayScope } from "./ReplayDialog";

export function ReplayButton({ entry }: { entry: RunListEntry }) {
  const [scope, setScope] = useState<ReplayScope | null>(null);
  const may = useMay("runs.start");
  const { refused, calls } = totalsOf(entry);
  const rejected = entry.rows.rejected;
  if (calls === 0 && rejected === 0) return null;
  const isHeld = entry.state === "awaiting_approval";
  const off = !may
    ? needsRole("runs.start")
    : isHeld && "It is held: approve it or reject it first";
  return (
    <>
      <Menu
        label="Replay"
        trigger={
          <Button icon={RotateCw} disabledReason={off}>
            Replay
          </Button>
        }
      >
        {refused > 0 && (
          <MenuItem
            hint={counted(refused, "call")}
            onAction={() =>
              setScope({ what: "dead_letters", words: counted(refused, "dead letter") })
            }
          >
            Dead letters
          </MenuItem>
        )}
        {rejected > 0 && (
          <MenuItem
            hint={`${counted(rejected, "row")}, as far as they are fixed`}
            onAction={() =>
              setScope({ what: "rejected", words: counted(rejected, "rejected row") })
            }
          >
            Rejected rows
          </MenuItem>
        )}
        {calls > 0 && (
          <MenuItem
            hint="The whole run, to one destination"
            onAction={() => setScope({ what: "all", words: `all calls of run ${entry.run}` })}
          >
            All calls
          </MenuItem>
        )}
      </Menu>
      {scope && <ReplayDialog entry={entry} scope={scope} onClose={() => setScope(null)} />}
    </>
  );
}
