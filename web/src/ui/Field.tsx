/**
 * Fields of a form: text, number, password, several lines, checkbox, switch, radio cards. `name` is
 * the field of the request, such as `schedule.cron`: what the API says about it stands below it.
 */
import { CircleAlert, Eye, EyeOff } from "lucide-react";
import { useId, useState, type InputHTMLAttributes, type ReactNode } from "react";
import type { ProblemEntry } from "../api/problem";
import { classes } from "../lib/classes";
import { IconButton } from "./Button";
import { useFieldProblems } from "./form-context";
import css from "./form.module.css";

interface Common {
  label: string;
  name: string;
  help?: ReactNode;
  optional?: boolean;
  /** What is wrong, beside what the form's problem says. */
  problem?: string | false | null | undefined;
}

/** What the parts of a field have to say of each other. */
export function useField({ name, help, problem }: Omit<Common, "label">) {
  const id = useId();
  const said = useFieldProblems(name);
  const problems: ProblemEntry[] = problem ? [{ code: null, message: problem }, ...said] : said;
  const parts = [help && `${id}-help`, problems.length > 0 && `${id}-problem`].filter(Boolean);
  return { id, problems, describedBy: parts.join(" ") || undefined };
}

interface FrameProps extends Omit<Common, "name" | "problem"> {
  id: string;
  problems: ProblemEntry[];
  children: ReactNode;
  /** In place of the plain label: for widgets that bring their own. */
  labelElement?: ReactNode;
}

/** The label above, the help and the problems below. */
export function FieldFrame(props: FrameProps) {
  const { label, help, optional, id, problems, children, labelElement } = props;
  return (
    <div className={css.field}>
      {labelElement ?? (
        <label className={css.label} htmlFor={id}>
          {label}
          {optional && <span className={css.optional}> (optional)</span>}
        </label>
      )}
      {children}
      <FieldNotes id={id} help={help} problems={problems} />
    </div>
  );
}

interface NotesProps {
  id: string;
  help?: ReactNode;
  problems: ProblemEntry[];
}

function FieldNotes({ id, help, problems }: NotesProps) {
  return (
    <>
      {help && (
        <div className={css.help} id={`${id}-help`}>
          {help}
        </div>
      )}
      {problems.length > 0 && (
        <div id={`${id}-problem`}>
          {problems.map((entry, index) => (
            <p className={css.problem} key={index}>
              <CircleAlert size={14} aria-hidden />
              <span>
                {entry.code && <code>{entry.code} </code>}
                {entry.message}
                {entry.hint && <span className={css.problemHint}> {entry.hint}</span>}
              </span>
            </p>
          ))}
        </div>
      )}
    </>
  );
}

type InputAttributes = Omit<
  InputHTMLAttributes<HTMLInputElement>,
  "value" | "onChange" | "type" | "name" | "id"
>;

interface TextProps extends Common, InputAttributes {
  value: string;
  onChange: (value: string) => void;
  type?: "text" | "url" | "email" | "search" | "number" | "datetime-local";
  mono?: boolean;
}

export function TextField(props: TextProps) {
  const {
    label,
    name,
    help,
    optional,
    problem,
    value,
    onChange,
    type = "text",
    mono,
    ...rest
  } = props;
  const field = useField({ name, help, problem });
  const { className, ...attributes } = rest;
  return (
    <FieldFrame {...{ label, help, optional, ...field }}>
      <input
        {...attributes}
        id={field.id}
        name={name}
        type={type}
        className={classes(css.input, mono && css.mono, className)}
        value={value}
        onChange={(event) => onChange(event.target.value)}
        aria-invalid={field.problems.length > 0 || undefined}
        aria-describedby={field.describedBy}
        aria-required={!optional || undefined}
      />
    </FieldFrame>
  );
}

interface NumberProps extends Omit<TextProps, "value" | "onChange" | "type"> {
  value: number | null;
  onChange: (value: number | null) => void;
}

/** A whole number, or nothing. */
export function NumberField({ value, onChange, ...rest }: NumberProps) {
  return (
    <TextField
      {...rest}
      type="number"
      inputMode="numeric"
      value={value === null ? "" : String(value)}
      onChange={(text) => onChange(text.trim() === "" ? null : Number(text))}
    />
  );
}

/** A password or another secret. Paste is allowed, and it can be looked at. */
export function PasswordField(props: Omit<TextProps, "type" | "mono">) {
  const { label, name, help, optional, problem, value, onChange, ...rest } = props;
  const field = useField({ name, help, problem });
  const [isSeen, setSeen] = useState(false);
  const { className, ...attributes } = rest;
  return (
    <FieldFrame {...{ label, help, optional, ...field }}>
      <div className={css.withEye}>
        <input
          {...attributes}
          id={field.id}
          name={name}
          type={isSeen ? "text" : "password"}
          className={classes(css.input, className)}
          value={value}
          onChange={(event) => onChange(event.target.value)}
          spellCheck={false}
          autoCapitalize="off"
          aria-invalid={field.problems.length > 0 || undefined}
          aria-describedby={field.describedBy}
          aria-required={!optional || undefined}
        />
        <IconButton
          small
          icon={isSeen ? EyeOff : Eye}
          label={isSeen ? `Hide ${label}` : `Show ${label}`}
          aria-pressed={isSeen}
          onClick={() => setSeen(!isSeen)}
        />
      </div>
    </FieldFrame>
  );
}

interface AreaProps extends Common {
  value: string;
  onChange: (value: string) => void;
  rows?: number;
  mono?: boolean;
  placeholder?: string;
}

export function TextArea(props: AreaProps) {
  const {
    label,
    name,
    help,
    optional,
    problem,
    value,
    onChange,
    rows = 4,
    mono,
    placeholder,
  } = props;
  const field = useField({ name, help, problem });
  return (
    <FieldFrame {...{ label, help, optional, ...field }}>
      <textarea
        id={field.id}
        name={name}
        rows={rows}
        placeholder={placeholder}
        className={classes(css.input, css.area, mono && css.mono)}
        value={value}
        onChange={(event) => onChange(event.target.value)}
        aria-invalid={field.problems.length > 0 || undefined}
        aria-describedby={field.describedBy}
        aria-required={!optional || undefined}
      />
    </FieldFrame>
  );
}

interface CheckProps extends Common {
  checked: boolean;
  onChange: (checked: boolean) => void;
  disabled?: boolean;
  /** Where the label alone says too little, as in a table of switches. It begins with the label. */
  accessibleName?: string;
}

function Box({ isSwitch, ...props }: CheckProps & { isSwitch: boolean }) {
  const { label, name, help, problem, checked, onChange, disabled, accessibleName } = props;
  const field = useField({ name, help, problem });
  return (
    <div className={classes(css.check, isSwitch && css.switch)}>
      <input
        id={field.id}
        name={name}
        type="checkbox"
        role={isSwitch ? "switch" : undefined}
        checked={checked}
        disabled={disabled}
        aria-label={accessibleName}
        onChange={(event) => onChange(event.target.checked)}
        aria-invalid={field.problems.length > 0 || undefined}
        aria-describedby={field.describedBy}
      />
      <label htmlFor={field.id}>{label}</label>
      <FieldNotes id={field.id} help={help} problems={field.problems} />
    </div>
  );
}

export function Checkbox(props: CheckProps) {
  return <Box {...props} isSwitch={false} />;
}

/** For what takes effect at once. */
export function Switch(props: CheckProps) {
  return <Box {...props} isSwitch />;
}

interface Card<T extends string> {
  value: T;
  title: string;
  text?: ReactNode;
}

interface CardsProps<T extends string> extends Common {
  value: T | null;
  onChange: (value: T) => void;
  cards: readonly Card<T>[];
}

/** One of a few, each with a sentence about it. */
export function RadioCards<T extends string>(props: CardsProps<T>) {
  const { label, name, help, optional, problem, value, onChange, cards } = props;
  const field = useField({ name, help, problem });
  return (
    <fieldset aria-describedby={field.describedBy} className={css.field}>
      <legend className={css.label}>
        {label}
        {optional && <span className={css.optional}> (optional)</span>}
      </legend>
      <div className={css.cards}>
        {cards.map((card) => (
          <label className={css.card} key={card.value}>
            <input
              type="radio"
              name={`${field.id}-${name}`}
              value={card.value}
              checked={card.value === value}
              onChange={() => onChange(card.value)}
            />
            <span className={css.cardTitle}>{card.title}</span>
            {card.text && <span className={css.cardText}>{card.text}</span>}
          </label>
        ))}
      </div>
      <FieldNotes id={field.id} help={help} problems={field.problems} />
    </fieldset>
  );
}
