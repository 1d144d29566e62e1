// The look of the editor: the colours of the page, and highlighted Jinja in any kind of file.

import { Decoration, EditorView, HighlightStyle, RangeSetBuilder, ViewPlugin, syntaxHighlighting, tags } from "../vendored/codemirror/codemirror.min.js";

const JINJA = /\{#[\s\S]*?#\}|\{\{[\s\S]*?\}\}|\{%[\s\S]*?%\}/g;
const MARGIN = 2000; // characters above and below the visible text, where a long block may begin
// A string; a brace with its keyword; anything else of an expression.
const PARTS = /("[^"]*"|'[^']*')|(^\{\{[-+]?|^\{%[-+]?\s*\w+|[-+]?[%}]\}$)|[^"'}%+-]+|[^]/g;
const [text, value, logic, comment] = ["text", "value", "logic", "comment"].map((of) => Decoration.mark({ class: `cm-jinja-${of}` }));

const jinja = ViewPlugin.fromClass(
  class {
    constructor(view) {
      this.decorations = decorate(view);
    }
    update({ docChanged, viewportChanged, view }) {
      if (docChanged || viewportChanged) this.decorations = decorate(view);
    }
  },
  { decorations: (plugin) => plugin.decorations },
);

function decorate({ state, viewport }) {
  const [from, to] = [Math.max(0, viewport.from - MARGIN), Math.min(state.doc.length, viewport.to + MARGIN)];
  const found = new RangeSetBuilder();
  const mark = (at, part, as) => found.add(at, at + part.length, as);
  for (const { 0: block, index } of state.sliceDoc(from, to).matchAll(JINJA)) {
    if (block.startsWith("{#")) mark(from + index, block, comment);
    else for (const part of block.matchAll(PARTS)) mark(from + index + part.index, part[0], part[1] ? value : part[2] ? logic : text);
  }
  return found.finish();
}

const colours = HighlightStyle.define([
  { tag: [tags.tagName, tags.angleBracket], color: "var(--tag)" },
  { tag: [tags.attributeName, tags.propertyName], color: "var(--name)" },
  { tag: [tags.attributeValue, tags.string, tags.number, tags.color], color: "var(--value)" },
  { tag: [tags.keyword, tags.documentMeta, tags.processingInstruction], color: "var(--logic)" },
  { tag: tags.comment, color: "var(--muted)", fontStyle: "italic" },
]);

const panel = { backgroundColor: "var(--panel)", color: "var(--ink)", border: "1px solid var(--line)" };

const theme = EditorView.theme({
  "&": { height: "100%", backgroundColor: "var(--ground)", color: "var(--ink)", fontSize: "12px" },
  "&.cm-focused, .cm-content": { outline: "none !important" }, // editing.css shows the ring around the whole editor
  ".cm-scroller": { fontFamily: "var(--mono)", lineHeight: "20px" },
  ".cm-content": { caretColor: "var(--ink)", padding: "8px 0 24px" },
  ".cm-cursor, .cm-dropCursor": { borderLeftColor: "var(--ink)" },
  ".cm-selectionBackground, &.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground": { background: "color-mix(in srgb, var(--accent) 28%, transparent)" },
  ".cm-selectionMatch": { backgroundColor: "color-mix(in srgb, var(--accent) 14%, transparent)" },
  ".cm-activeLine": { backgroundColor: "color-mix(in srgb, var(--ink) 4%, transparent)" },
  ".cm-gutters": { backgroundColor: "var(--ground)", color: "var(--muted)", border: "0" },
  ".cm-activeLineGutter": { backgroundColor: "color-mix(in srgb, var(--ink) 4%, transparent)", color: "var(--ink)" },
  "&.cm-focused .cm-matchingBracket": { backgroundColor: "var(--chosen)", outline: "1px solid var(--accent)" },
  ".cm-jinja-text, .cm-jinja-text *": { color: "var(--ink)" },
  ".cm-jinja-value, .cm-jinja-value *": { color: "var(--value)" },
  ".cm-jinja-logic, .cm-jinja-logic *": { color: "var(--logic)" },
  ".cm-jinja-comment, .cm-jinja-comment *": { color: "var(--muted)", fontStyle: "italic" },
  ".cm-tooltip": { ...panel, borderRadius: "6px", overflow: "hidden" },
  ".cm-diagnostic": { maxWidth: "520px", padding: "6px 10px", fontFamily: "var(--sans)", fontSize: "13px", borderLeftColor: "var(--muted)" },
  ".cm-diagnostic-error": { borderLeftColor: "var(--error)" },
  ".cm-diagnostic-warning": { borderLeftColor: "var(--warning)" },
  ".cm-diagnosticSource": { fontSize: "12px", color: "var(--muted)", opacity: "1" },
  ".cm-panel.cm-panel-lint ul": { maxHeight: "min(240px, 30vh)" },
  ".cm-panel.cm-panel-lint ul [aria-selected], .cm-panel.cm-panel-lint ul:focus [aria-selected]": { background: "var(--chosen)", color: "var(--ink)" },
  ".cm-lintRange-error": { backgroundImage: "none", textDecoration: "underline wavy var(--error)" },
  ".cm-lintRange-warning": { backgroundImage: "none", textDecoration: "underline wavy var(--warning)" },
  ".cm-lintRange-info": { backgroundImage: "none", textDecoration: "underline dotted var(--muted)" },
  // CodeMirror's own markers are images in data: URLs, which the page's Content-Security-Policy blocks.
  ".cm-lint-marker": { content: "normal", width: "8px", height: "8px", margin: "6px 3px", borderRadius: "50%", background: "var(--muted)" },
  ".cm-lint-marker-error": { content: "normal", background: "var(--error)" },
  ".cm-lint-marker-warning": { content: "normal", background: "var(--warning)", borderRadius: "1px" },
  ".cm-panels": { backgroundColor: "var(--panel)", color: "var(--ink)", borderColor: "var(--line)" },
  ".cm-panels button, .cm-panels input:not([type=checkbox])": { ...panel, backgroundImage: "none", borderRadius: "6px", padding: "3px 8px", font: "13px/20px var(--sans)" },
  ".cm-panels button, .cm-panel.cm-search label": { display: "inline-flex", alignItems: "center", gap: "6px", margin: "2px 8px 2px 0", font: "13px/20px var(--sans)", textTransform: "capitalize" },
});

export const look = [theme, syntaxHighlighting(colours), jinja];
