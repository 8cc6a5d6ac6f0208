/** Choosing one of many: a list behind a button, and a list that can be searched by typing. */
import { Check, ChevronsUpDown } from "lucide-react";
import type { ReactNode } from "react";
import {
  Button as AriaButton,
  ComboBox as AriaComboBox,
  Group,
  Input,
  Label,
  ListBox,
  ListBoxItem,
  Popover,
  Select as AriaSelect,
  SelectValue,
} from "react-aria-components";
import { classes } from "../lib/classes";
import { FieldFrame, useField } from "./Field";
import buttonCss from "./button.module.css";
import css from "./form.module.css";
import overlay from "./overlay.module.css";

export interface Option<T extends string = string> {
  value: T;
  label: string;
  hint?: string;
}

interface Props<T extends string> {
  label: string;
  name: string;
  options: readonly Option<T>[];
  value: T | null;
  onChange: (value: T) => void;
  help?: ReactNode;
  optional?: boolean;
  problem?: string | false | null;
  placeholder?: string;
}

function Options<T extends string>({
  options,
  none,
}: {
  options: readonly Option<T>[];
  none?: string;
}) {
  return (
    <ListBox
      className={overlay.list!}
      items={options}
      renderEmptyState={() => <div className={overlay.item}>{none ?? "Nothing to choose"}</div>}
    >
      {(option: Option<T>) => (
        <ListBoxItem id={option.value} textValue={option.label} className={overlay.item!}>
          {({ isSelected }) => (
            <>
              <span className={overlay.itemText}>
                {option.label}
                {option.hint && <span className={overlay.itemHint}>{option.hint}</span>}
              </span>
              {isSelected && <Check size={16} aria-hidden />}
            </>
          )}
        </ListBoxItem>
      )}
    </ListBox>
  );
}

function WidgetLabel({ label, optional }: { label: string; optional?: boolean | undefined }) {
  return (
    <Label className={css.label!}>
      {label}
      {optional && <span className={css.optional}> (optional)</span>}
    </Label>
  );
}

export function Select<T extends string>(props: Props<T>) {
  const { label, name, options, value, onChange, help, optional, problem, placeholder } = props;
  const field = useField({ name, help, problem });
  return (
    <AriaSelect
      value={value}
      onChange={(key) => key !== null && onChange(key as T)}
      placeholder={placeholder ?? "Choose…"}
      isInvalid={field.problems.length > 0}
    >
      <FieldFrame
        {...{ label, help, optional, ...field }}
        labelElement={<WidgetLabel label={label} optional={optional} />}
      >
        <AriaButton
          className={classes(css.input, css.selectButton)}
          aria-describedby={field.describedBy}
        >
          <SelectValue className={css.selectValue!} />
          <ChevronsUpDown size={14} aria-hidden />
        </AriaButton>
      </FieldFrame>
      <Popover className={overlay.popover!} offset={4}>
        <Options options={options} />
      </Popover>
    </AriaSelect>
  );
}

export function ComboBox<T extends string>(props: Props<T>) {
  const { label, name, options, value, onChange, help, optional, problem, placeholder } = props;
  const field = useField({ name, help, problem });
  return (
    <AriaComboBox
      value={value}
      onChange={(key) => key !== null && onChange(key as T)}
      isInvalid={field.problems.length > 0}
      defaultItems={options}
      menuTrigger="focus"
      allowsEmptyCollection
    >
      <FieldFrame
        {...{ label, help, optional, ...field }}
        labelElement={<WidgetLabel label={label} optional={optional} />}
      >
        <Group className={css.withButton!}>
          <Input
            className={css.input!}
            placeholder={placeholder ?? "Type to search"}
            aria-describedby={field.describedBy}
          />
          <AriaButton
            className={classes(buttonCss.button, buttonCss.quiet, buttonCss.icon)}
            aria-label={`Show all of ${label}`}
          >
            <ChevronsUpDown size={14} aria-hidden />
          </AriaButton>
        </Group>
      </FieldFrame>
      <Popover className={overlay.popover!} offset={4}>
        <ListBox
          className={overlay.list!}
          renderEmptyState={() => <div className={overlay.item}>Nothing has this name</div>}
        >
          {(option: Option<T>) => (
            <ListBoxItem id={option.value} textValue={option.label} className={overlay.item!}>
              <span className={overlay.itemText}>
                {option.label}
                {option.hint && <span className={overlay.itemHint}>{option.hint}</span>}
              </span>
            </ListBoxItem>
          )}
        </ListBox>
      </Popover>
    </AriaComboBox>
  );
}
