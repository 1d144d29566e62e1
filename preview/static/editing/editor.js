// An editor for one file of the folder: its text, its drafts and its saving.

import {
  EditorState, EditorView, bracketMatching, closeBrackets, closeBracketsKeymap,
  defaultKeymap, drawSelection, highlightActiveLine, highlightActiveLineGutter,
  highlightSelectionMatches, highlightSpecialChars, history, historyKeymap, html, indentOnInput, indentUnit, keymap,
  lineNumbers, lintGutter, lintKeymap, search, searchKeymap,
} from "../vendored/codemirror/codemirror.min.js";
import { renderDrafts } from "./drafts.js";
import { look } from "./look.js";
import { keepSaved } from "./saving.js";

const MARKUP = new Set(["mjml", "html", "htm", "xml", "xhtml"]);
const left = new Map(); // the unsaved text of closed editors, by file

// Resolves to an object that closes the editor and reacts to another view, or to null if the file cannot be edited.
export async function openEditor(section) {
  const { file, kind, source } = section.dataset;
  const said = section.querySelector("[data-said]");
  const told = [["", ""], ["", ""]]; // of the file, and beside it of the draft: a text and its state
  const teller = (at) => (text, state = "") => {
    told[at] = [text, state];
    said.textContent = told.map(([words]) => words).join(" ").trim();
    said.dataset.state = told[1][1] || told[0][1];
  };
  const tell = teller(0);
  const answer = await fetch(source).catch(() => null);
  const read = await answer?.json().catch(() => null);
  if (!answer?.ok || !read) {
    tell(read?.detail ?? "The file could not be opened, because the studio does not respond.", "error");
    return null;
  }
  const before = left.get(file);
  left.delete(file);
  let onChange = () => {};
  const view = new EditorView({
    parent: section.querySelector("[data-text]"),
    state: EditorState.create({
      doc: before?.text ?? read.text,
      extensions: [
        ...extensions(kind, file),
        EditorView.updateListener.of((update) => update.docChanged && onChange()),
      ],
    }),
  });
  const saving = keepSaved(section, view, before?.read ?? read, tell);
  const drafts = renderDrafts(section, view, teller(1));
  const asking = new AbortController();
  addEventListener("beforeunload", (event) => saving.isChanged() && event.preventDefault(), { signal: asking.signal });
  onChange = () => {
    saving.changed();
    drafts.changed();
  };
  onChange();
  showLine(view, file);
  if (before) tell("Your earlier changes are still here, but not saved.");
  return {
    viewChanged: () => drafts.changed(),
    close() {
      if (saving.isChanged()) left.set(file, { text: view.state.doc.toString(), read: saving.read() });
      asking.abort();
      for (const part of [saving, drafts]) part.close();
      view.destroy();
    },
  };
}

addEventListener("beforeunload", (event) => left.size && event.preventDefault());

function extensions(kind, file) {
  return [
    lineNumbers(), highlightActiveLineGutter(), highlightActiveLine(), highlightSpecialChars(), history(),
    drawSelection(), indentOnInput(), indentUnit.of("  "), bracketMatching(), closeBrackets(),
    highlightSelectionMatches(), search({ top: true }), lintGutter(), EditorView.lineWrapping,
    ...(MARKUP.has(kind) ? [html({ selfClosingTags: true })] : []),
    EditorView.contentAttributes.of({ "aria-label": `Source of ${file}`, tabindex: "0", spellcheck: "false", autocorrect: "off", autocapitalize: "off" }),
    look, typing, EditorState.phrases.of({ Diagnostics: "Findings", "No diagnostics": "No findings", regexp: "regular expression", "by word": "whole words" }),
    // Tab leaves the editor, which is no keyboard trap then (WCAG 2.2, 2.1.2). Ctrl+] and Ctrl+[ indent and outdent lines.
    keymap.of([...closeBracketsKeymap, ...defaultKeymap, ...searchKeymap, ...historyKeymap, ...lintKeymap]),
  ];
}

// The editor inserts typed text itself. Over coloured text Chromium would create an element with an inline style, which
// the page's Content-Security-Policy blocks and reports.
const typing = EditorView.domEventHandlers({
  beforeinput(event, view) {
    if (event.inputType !== "insertText" || !event.data || event.isComposing || view.composing) return false;
    const { from, to } = view.state.selection.main;
    const insert = () => view.state.update(view.state.replaceSelection(event.data), { userEvent: "input.type", scrollIntoView: true });
    event.preventDefault();
    const handlers = view.state.facet(EditorView.inputHandler);
    if (!handlers.some((handle) => handle(view, from, to, event.data, insert))) view.dispatch(insert());
    return true;
  },
});

// Goes to the line in the address, "#L3" or ?line=file:3.
function showLine(view, file) {
  const picked = new URLSearchParams(location.search).get("line") ?? "";
  const number = Number(location.hash.match(/^#L(\d+)$/)?.[1] ?? (picked.startsWith(`${file}:`) ? picked.slice(file.length + 1) : 0));
  if (number >= 1 && number <= view.state.doc.lines) {
    const { from } = view.state.doc.line(number);
    view.dispatch({ selection: { anchor: from }, effects: EditorView.scrollIntoView(from, { y: "center" }) });
  }
  view.focus();
}
