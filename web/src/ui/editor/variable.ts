/** `{{last_sync_time}}` in the text: as a chip, and offered while one types. */
import type { Completion, CompletionContext, CompletionResult } from "@codemirror/autocomplete";
import {
  Decoration,
  MatchDecorator,
  ViewPlugin,
  type DecorationSet,
  type EditorView,
  type ViewUpdate,
} from "@codemirror/view";

const chips = new MatchDecorator({
  regexp: /\{\{[^{}\n]*\}\}/g,
  decoration: Decoration.mark({ class: "cm-variable" }),
});

export const variableChips = ViewPlugin.fromClass(
  class {
    decorations: DecorationSet;
    constructor(view: EditorView) {
      this.decorations = chips.createDeco(view);
    }
    update(update: ViewUpdate) {
      this.decorations = chips.updateDeco(update, this.decorations);
    }
  },
  { decorations: (plugin) => plugin.decorations },
);

const forms: readonly [string, string][] = [
  ["{{last_sync_time}}", "Unix seconds"],
  ["{{last_sync_time | timestamp}}", "for a timestamp column"],
  ["{{last_sync_time | date}}", "for a date column"],
  ["{{last_sync_time | millis}}", "Unix milliseconds"],
];

/** The variable's forms after `{` or after its first letters. */
export function variableCompletion(context: CompletionContext): CompletionResult | null {
  const typed = context.matchBefore(/\{{1,2}\s*\w*|\blast_?\w*/);
  if (!typed || (typed.from === typed.to && !context.explicit)) return null;
  // Braces that close themselves stand behind the cursor.
  const behind = /^\s*\}{0,2}/.exec(context.state.sliceDoc(context.pos, context.pos + 4))![0];
  const to = context.pos + (behind.includes("}") ? behind.length : 0);
  return {
    from: typed.from,
    to,
    filter: false,
    options: forms.map(([label, detail]): Completion => ({ label, detail, type: "variable" })),
  };
}

/** The names that fill a field of the call, after AS. */
export function fieldCompletion(names: () => readonly string[]) {
  return (context: CompletionContext): CompletionResult | null => {
    const typed = context.matchBefore(/\bas\s+"?\w*/i);
    if (!typed) return null;
    const start = /\bas\s+/i.exec(typed.text)![0].length;
    return {
      from: typed.from + start,
      validFor: /^"?\w*$/,
      options: names().map((name) => ({
        label: `"${name}"`,
        detail: "field of the call",
        type: "property",
        boost: 10,
      })),
    };
  };
}
