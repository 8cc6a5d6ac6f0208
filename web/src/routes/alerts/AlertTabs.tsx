/** The two parts of alerts. */
import { Tab, Tabs } from "../../ui/Page";

export function AlertTabs({ open }: { open?: number | undefined }) {
  return (
    <Tabs label="Parts of alerts">
      <Tab to="/alerts" activeOptions={{ exact: true }} count={open}>
        Open
      </Tab>
      <Tab to="/alerts/rules">Rules and receivers</Tab>
    </Tabs>
  );
}
