/** The editor's colours and sizes: names of `tokens.css`, so that dark and light come by themselves. */
import { HighlightStyle, syntaxHighlighting } from "@codemirror/language";
import { EditorView } from "@codemirror/view";
import { tags } from "@lezer/highlight";

const box = EditorView.theme({
  "&": { height: "100%", fontSize: "13px", color: "var(--text)", backgroundColor: "var(--bg)" },
  // The box around it shows the focus.
  "&.cm-focused": { outline: "none" },
  ".cm-scroller": { fontFamily: "var(--mono)", lineHeight: "20px" },
  ".cm-content": { padding: "10px 0", caretColor: "var(--text)" },
  ".cm-line": { padding: "0 12px" },
  ".cm-gutters": {
    backgroundColor: "var(--bg)",
    color: "var(--muted)",
    borderRight: "1px solid var(--hairline-soft)",
  },
  ".cm-activeLine": { backgroundColor: "color-mix(in srgb, var(--hover) 60%, transparent)" },
  ".cm-activeLineGutter": { backgroundColor: "var(--hover)", color: "var(--text)" },
  ".cm-cursor": { borderLeftColor: "var(--text)" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground":
    { background: "color-mix(in srgb, var(--accent) 26%, transparent)" },
  ".cm-matchingBracket, &.cm-focused .cm-matchingBracket": {
    backgroundColor: "var(--busy-bg)",
    outline: "1px solid var(--busy)",
  },
  ".cm-variable": {
    borderRadius: "4px",
    padding: "1px 2px",
    backgroundColor: "var(--busy-bg)",
    color: "var(--busy)",
  },
  ".cm-variable *": { color: "var(--busy)" },
  ".cm-tooltip": {
    border: "1px solid var(--hairline)",
    borderRadius: "8px",
    backgroundColor: "var(--raised)",
    color: "var(--text)",
    boxShadow: "var(--shadow-overlay)",
    overflow: "hidden",
  },
  ".cm-tooltip.cm-tooltip-autocomplete > ul": { fontFamily: "var(--mono)", maxHeight: "240px" },
  ".cm-tooltip.cm-tooltip-autocomplete > ul > li": { padding: "3px 8px" },
  ".cm-tooltip-autocomplete ul li[aria-selected]": {
    background: "var(--selected)",
    color: "var(--text)",
  },
  ".cm-completionDetail": { color: "var(--muted)", fontStyle: "normal" },
  ".cm-completionMatchedText": { color: "var(--accent)", textDecoration: "none" },
  ".cm-diagnostic": {
    maxWidth: "480px",
    padding: "8px 12px",
    fontFamily: "var(--sans)",
    whiteSpace: "pre-wrap",
  },
  ".cm-diagnostic-error": { borderLeft: "3px solid var(--bad)" },
  ".cm-diagnostic-warning": { borderLeft: "3px solid var(--warn)" },
  ".cm-diagnostic-info": { borderLeft: "3px solid var(--wait)" },
  ".cm-diagnosticAction": {
    minHeight: "26px",
    marginTop: "6px",
    padding: "2px 10px",
    borderRadius: "6px",
    backgroundColor: "var(--accent)",
    color: "var(--on-accent)",
    font: "500 12px/18px var(--sans)",
    cursor: "pointer",
  },
  // A wavy line: an image of another colour scheme would not do.
  ".cm-lintRange": { backgroundImage: "none", textDecorationSkipInk: "none" },
  ".cm-lintRange-error": { textDecoration: "underline wavy var(--bad) 1.5px" },
  ".cm-lintRange-warning": { textDecoration: "underline wavy var(--warn) 1.5px" },
  ".cm-lintRange-info": { textDecoration: "underline dotted var(--wait) 1.5px" },
  ".cm-panels": { backgroundColor: "var(--surface)", color: "var(--text)" },
});

const colours = HighlightStyle.define([
  { tag: tags.keyword, color: "var(--accent)" },
  { tag: [tags.string, tags.special(tags.string)], color: "var(--good)" },
  { tag: [tags.number, tags.bool, tags.null], color: "var(--wait)" },
  { tag: [tags.comment, tags.lineComment, tags.blockComment], color: "var(--muted)" },
  { tag: [tags.typeName, tags.standard(tags.name)], color: "var(--skip)" },
  { tag: tags.special(tags.name), color: "var(--text)" },
]);

export const theme = [box, syntaxHighlighting(colours)];
