/**
 * The editor of a query. It is a widget of its own with a React frame around it: the text goes in
 * when it changes elsewhere, and comes out at each key. Ctrl+Enter runs, Ctrl+S saves, Tab indents,
 * and Escape and then Tab leaves it.
 */
import { autocompletion, closeBrackets, completionKeymap } from "@codemirror/autocomplete";
import {
  history,
  historyKeymap,
  indentWithTab,
  standardKeymap,
  toggleLineComment,
} from "@codemirror/commands";
import { schemaCompletionSource, sql, type SQLNamespace } from "@codemirror/lang-sql";
import { bracketMatching, indentOnInput } from "@codemirror/language";
import { setDiagnostics, type Diagnostic } from "@codemirror/lint";
import { Compartment, EditorState, Prec } from "@codemirror/state";
import {
  drawSelection,
  EditorView,
  highlightActiveLine,
  highlightActiveLineGutter,
  keymap,
  lineNumbers,
} from "@codemirror/view";
import { useEffect, useImperativeHandle, useRef, type Ref } from "react";
import { dialectOf } from "./dialect";
import { theme } from "./theme";
import { fieldCompletion, variableChips, variableCompletion } from "./variable";

export interface SqlEditorHandle {
  /** Puts a text where the cursor is, with a space before it if it would touch a word. */
  insert(text: string): void;
  replace(from: number, to: number, text: string): void;
  /** Shows a place and puts the cursor there. */
  show(from: number, to: number): void;
  focus(): void;
}

interface Props {
  label: string;
  describedBy?: string;
  value: string;
  onChange: (value: string) => void;
  onRun: () => void;
  onSave: () => void;
  readOnly: boolean;
  /** The kind of the database: `redshift`. */
  kind: string;
  schema: SQLNamespace | null;
  defaultSchema?: string | undefined;
  /** Names that fill a field of the call. */
  fields: readonly string[];
  findings: readonly Diagnostic[];
  ref?: Ref<SqlEditorHandle>;
}

function nonce(): string {
  return document.querySelector<HTMLMetaElement>('meta[property="csp-nonce"]')?.nonce ?? "";
}

function language(kind: string, schema: SQLNamespace | null, defaultSchema: string | undefined) {
  const dialect = dialectOf(kind);
  const support = sql({ dialect, upperCaseKeywords: true });
  if (!schema) return support;
  const config = { dialect, schema, ...(defaultSchema ? { defaultSchema } : {}) };
  return [support, dialect.language.data.of({ autocomplete: schemaCompletionSource(config) })];
}

/** The last props, for listeners that are made once. */
function useLatest<T>(value: T) {
  const latest = useRef(value);
  useEffect(() => {
    latest.current = value;
  });
  return latest;
}

export default function SqlEditor(props: Props) {
  const { value, readOnly, kind, schema, defaultSchema, findings, ref } = props;
  const host = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView | null>(null);
  const latest = useLatest(props);
  const parts = useRef({ language: new Compartment(), access: new Compartment() });

  useEffect(() => {
    const { language: languagePart, access } = parts.current;
    const { current: first } = latest;
    const run = () => (latest.current.onRun(), true);
    const save = () => (latest.current.onSave(), true);
    const attributes: Record<string, string> = { "aria-label": first.label };
    if (first.describedBy) attributes["aria-describedby"] = first.describedBy;
    const made = new EditorView({
      parent: host.current!,
      state: EditorState.create({
        doc: first.value,
        extensions: [
          EditorView.cspNonce.of(nonce()),
          Prec.highest(
            keymap.of([
              { key: "Mod-Enter", run },
              { key: "Mod-s", run: save, preventDefault: true },
            ]),
          ),
          lineNumbers(),
          highlightActiveLine(),
          highlightActiveLineGutter(),
          history(),
          drawSelection(),
          indentOnInput(),
          bracketMatching(),
          closeBrackets(),
          autocompletion({ icons: false }),
          keymap.of([
            ...completionKeymap,
            ...standardKeymap,
            { key: "Mod-/", run: toggleLineComment },
            ...historyKeymap,
            indentWithTab,
          ]),
          EditorView.lineWrapping,
          EditorView.contentAttributes.of(attributes),
          EditorState.languageData.of(() => [
            { autocomplete: variableCompletion },
            { autocomplete: fieldCompletion(() => latest.current.fields) },
          ]),
          variableChips,
          theme,
          languagePart.of([]),
          access.of([]),
          EditorView.updateListener.of((update) => {
            if (update.docChanged) latest.current.onChange(update.state.doc.toString());
          }),
        ],
      }),
    });
    view.current = made;
    return () => made.destroy();
  }, [latest]);

  useEffect(() => {
    const effects = parts.current.language.reconfigure(language(kind, schema, defaultSchema));
    view.current?.dispatch({ effects });
  }, [kind, schema, defaultSchema]);

  useEffect(() => {
    const effects = parts.current.access.reconfigure([
      EditorState.readOnly.of(readOnly),
      EditorView.contentAttributes.of(readOnly ? { "aria-readonly": "true" } : {}),
    ]);
    view.current?.dispatch({ effects });
  }, [readOnly]);

  useEffect(() => {
    const now = view.current;
    if (!now || now.state.doc.toString() === value) return;
    now.dispatch({ changes: { from: 0, to: now.state.doc.length, insert: value } });
  }, [value]);

  useEffect(() => {
    const now = view.current;
    if (!now) return;
    const most = now.state.doc.length;
    const within = findings.filter(({ from, to }) => from <= to && to <= most);
    now.dispatch(setDiagnostics(now.state, within));
  }, [findings]);

  useImperativeHandle(ref, () => handleOf(() => view.current), []);
  return <div ref={host} className="sql-editor" />;
}

function handleOf(view: () => EditorView | null): SqlEditorHandle {
  return {
    insert(text) {
      const now = view();
      if (!now || now.state.readOnly) return;
      const { from, to } = now.state.selection.main;
      const before = now.state.sliceDoc(Math.max(0, from - 1), from);
      const insert = /[\w")]/.test(before) ? ` ${text}` : text;
      now.dispatch({
        changes: { from, to, insert },
        selection: { anchor: from + insert.length },
        scrollIntoView: true,
      });
      now.focus();
    },
    replace(from, to, insert) {
      const now = view();
      if (!now || now.state.readOnly || to > now.state.doc.length) return;
      now.dispatch({ changes: { from, to, insert }, selection: { anchor: from + insert.length } });
      now.focus();
    },
    show(from, to) {
      const now = view();
      if (!now) return;
      const most = now.state.doc.length;
      const selection = { anchor: Math.min(from, most), head: Math.min(to, most) };
      now.dispatch({ selection, scrollIntoView: true });
      now.focus();
    },
    focus: () => view()?.focus(),
  };
}
