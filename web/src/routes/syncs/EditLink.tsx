/** The way into the editor of a sync, at a step of it. */
import { Pencil } from "lucide-react";
import { LinkButton } from "../../ui/Button";

interface Props {
  sync: string;
  step?: "details" | "query" | "review";
  small?: boolean;
  children?: string;
}

export function EditLink({ sync, step, small = false, children = "Edit" }: Props) {
  const path: string = `/syncs/${encodeURIComponent(sync)}/edit${step ? `?step=${step}` : ""}`;
  return (
    <LinkButton to={path} small={small} icon={Pencil}>
      {children}
    </LinkButton>
  );
}
