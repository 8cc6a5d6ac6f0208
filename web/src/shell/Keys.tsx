/** The list of keys. */
import { Link } from "@tanstack/react-router";
import { usePreferences } from "../lib/preferences";
import { Dialog } from "../ui/Dialog";
import { Notice } from "../ui/Notice";
import { KeyValues } from "../ui/Page";
import { screens } from "./screens";

export default function Keys({ onClose }: { onClose: () => void }) {
  const { shortcuts } = usePreferences();
  const go = screens.flatMap(({ name, keys }) =>
    keys ? [[name, <KeyText key={name} keys={keys} />] as const] : [],
  );
  return (
    <Dialog title="Keys" isOpen onClose={onClose}>
      {!shortcuts && (
        <Notice tone="warn">
          Single keys are switched off in{" "}
          <Link to="/me" onClick={onClose}>
            your account
          </Link>
          .
        </Notice>
      )}
      <KeyValues
        items={[
          ["Search and act", <KeyText key="k" keys="Ctrl K" />],
          ["This list", <KeyText key="?" keys="?" />],
          ["Filter the list", <KeyText key="/" keys="/" />],
          ["Next and previous row", <KeyText key="j" keys="j k" />],
          ["Open the row", <KeyText key="e" keys="Enter" />],
          ...go,
        ]}
      />
    </Dialog>
  );
}

function KeyText({ keys }: { keys: string }) {
  return (
    <span className="row">
      {keys.split(" ").map((key) => (
        <kbd key={key}>{key}</kbd>
      ))}
    </span>
  );
}
