/** What a plan would change: each definition with the keys that differ. */
import { Minus, Pencil, Plus } from "lucide-react";
import type { components } from "../../api/schema";
import { counted } from "../../lib/number";
import { CodeBlock, DiffView } from "../../ui/Code";
import { Notice } from "../../ui/Notice";
import { linesOf } from "./audit";
import css from "./settings.module.css";

type Plan = components["schemas"]["PlanDocument"];

const actions = {
  create: { icon: Plus, word: "New" },
  update: { icon: Pencil, word: "Changed" },
  delete: { icon: Minus, word: "Removed" },
} as const;

function textOf(key: string, value: unknown): string {
  if (value == null) return "";
  const text = typeof value === "string" ? value : linesOf(value);
  return key === "" ? text : `${key}: ${text}`;
}

export function PlanView({ plan }: { plan: Plan }) {
  if (plan.changes.length === 0) {
    return (
      <Notice tone="good" title="Nothing would change" live>
        {counted(plan.unchanged, "definition")} already say this.
      </Notice>
    );
  }
  return (
    <div className={css.changes}>
      <Notice tone="busy" title={`${counted(plan.changes.length, "change")}`} live>
        {counted(plan.unchanged, "definition")} stay as they are.
        {plan.left_alone.length > 0 &&
          ` Left alone: ${plan.left_alone.map(({ kind, name }) => `${kind} ${name}`).join(", ")}.`}
      </Notice>
      {plan.changes.map(({ kind, name, action, keys }) => {
        const { icon: Icon, word } = actions[action];
        const side = (which: "before" | "after") =>
          keys
            .map((key) => textOf(key.key, key[which]))
            .filter((text) => text !== "")
            .join("\n");
        return (
          <section key={`${kind} ${name}`} className={css.change}>
            <h3 className="row">
              <Icon size={16} aria-hidden /> {word}: {kind} {name}
            </h3>
            {action === "update" ? (
              <DiffView
                before={side("before")}
                after={side("after")}
                label={`What changes in ${kind} ${name}`}
              />
            ) : (
              <CodeBlock text={side(action === "create" ? "after" : "before")} />
            )}
          </section>
        );
      })}
    </div>
  );
}
