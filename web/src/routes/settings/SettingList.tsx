/** Settings that are definitions: `alerts`, `retention`, …, each as it stands. */
import { useQuery } from "@tanstack/react-query";
import { Settings } from "lucide-react";
import { definitionsQuery } from "../../api/queries/definitions";
import { JsonView } from "../../ui/Code";
import { Loaded } from "../../ui/Loaded";
import { SectionCard } from "../../ui/Page";
import { EmptyState } from "../../ui/states";

interface Props {
  isMeant: (name: string) => boolean;
  empty: string;
}

export function SettingList({ isMeant, empty }: Props) {
  const query = useQuery(definitionsQuery);
  return (
    <Loaded query={query} permission="project.read">
      {(definitions) => {
        const meant = definitions.filter(({ kind, name }) => kind === "setting" && isMeant(name));
        if (meant.length === 0) {
          return (
            <SectionCard>
              <EmptyState icon={Settings} title="Nothing is set" command="outflow export">
                {empty}
              </EmptyState>
            </SectionCard>
          );
        }
        return meant.map(({ name, value, managed_by: place }) => (
          <SectionCard key={name} title={name} text={place ?? "Set on the server"} padded>
            <JsonView value={value} />
          </SectionCard>
        ));
      }}
    </Loaded>
  );
}
