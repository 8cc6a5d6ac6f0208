/** The six types of sync, each with what a row needs and with one row as an example. */
import { CircleAlert } from "lucide-react";
import { useId } from "react";
import type { CallType } from "../../api/types";
import { shapes } from "../../lib/columns";
import formCss from "../../ui/form.module.css";
import css from "./type-cards.module.css";
import { callTypes } from "./model";

interface Example {
  text: string;
  row: readonly (readonly [column: string, value: string])[];
}

const examples: Record<CallType, Example> = {
  identify: {
    text: "Who someone is: their traits.",
    row: [
      ["userId", "97"],
      ["email", "ada@example.com"],
      ["plan", "pro"],
    ],
  },
  track: {
    text: "What someone did: an event.",
    row: [
      ["userId", "97"],
      ["event", "Order Completed"],
      ["total", "41.50"],
    ],
  },
  group: {
    text: "Which company or group someone belongs to.",
    row: [
      ["groupId", "acme"],
      ["userId", "97"],
      ["seats", "12"],
    ],
  },
  page: {
    text: "Which page of a site someone saw.",
    row: [
      ["userId", "97"],
      ["name", "Pricing"],
      ["url", "/pricing"],
    ],
  },
  screen: {
    text: "Which screen of an app someone saw.",
    row: [
      ["userId", "97"],
      ["name", "Basket"],
      ["items", "3"],
    ],
  },
  alias: {
    text: "Which two identities are one person.",
    row: [
      ["previousId", "guest-81"],
      ["userId", "97"],
    ],
  },
};

interface Props {
  value: CallType | null;
  onChange: (type: CallType) => void;
  problem: string | null;
}

export function TypeCards({ value, onChange, problem }: Props) {
  const id = useId();
  return (
    <fieldset aria-describedby={problem ? `${id}-problem` : undefined}>
      <legend className="sr-only">Type</legend>
      <div className={css.types}>
        {callTypes.map((type) => (
          <label key={type} className={css.type}>
            <input
              type="radio"
              name={`${id}-type`}
              value={type}
              checked={value === type}
              onChange={() => onChange(type)}
            />
            <span className={css.typeName}>{type}</span>
            <span className={css.typeText}>{examples[type].text}</span>
            <span className={css.typeNeeds}>
              Needs <strong>{shapes[type].required}</strong>
            </span>
            <ExampleRow type={type} />
          </label>
        ))}
      </div>
      {problem && (
        <p className={formCss.problem} id={`${id}-problem`} role="alert">
          <CircleAlert size={14} aria-hidden />
          {problem}
        </p>
      )}
    </fieldset>
  );
}

/** Columns over one row of values. For eyes: its words would make the name of the radio button long. */
function ExampleRow({ type }: { type: CallType }) {
  return (
    <span className={css.example} aria-hidden>
      {examples[type].row.map(([column, value]) => (
        <span key={column} className={css.exampleCell}>
          <span className={css.exampleColumn}>{column}</span>
          <span className={css.exampleValue}>{value}</span>
        </span>
      ))}
    </span>
  );
}
