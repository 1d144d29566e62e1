// Drafts: renders and checks the unsaved text, and shows the result beside the editor.

import { element } from "../element.js";
import { post } from "../page.js";
import { setDiagnostics } from "../vendored/codemirror/codemirror.min.js";

// Milliseconds without a key before the text is rendered, and before it is checked.
const PAUSE = 120;
const LONG_PAUSE = 500;
const TOKEN = /<\/?[\w-]+>?|[\w-]+|\{\{(?:(?!\{\{).)*?\}\}|\{%(?:(?!\{%).)*?%\}|\S/y;
const SEVERITY = { error: "error", warning: "warning", note: "info" };

export function renderDrafts(section, view, tell) {
  const pane = section.querySelector("[data-preview]");
  let [findings, fault, checked, shown] = [[], null, "", ""];
  let closed = false;

  const render = bounded(PAUSE, async (sent) => {
    const { drafts, width, scheme } = context();
    pane.hidden = !drafts;
    if (!drafts) return;
    const [answer, said, why] = await post(drafts, sent);
    if (closed) return;
    pane.toggleAttribute("data-behind", !answer?.ok || Boolean(said.fault));
    if (!answer?.ok) return tell(`Not rendered. ${why}`, "error");
    const wasBroken = fault !== null;
    fault = said.fault;
    mark(sent.text);
    if (fault) return tell(`${fault.file}${fault.line ? `, line ${fault.line}` : ""}: ${fault.message}`, "error");
    tell(wasBroken ? "The error is fixed." : "");
    await show(pane, said.frame, { width, scheme, title: `Draft of ${section.dataset.file}` });
  });

  const check = bounded(LONG_PAUSE, async (sent) => {
    const [answer, said, why] = context().findings ? await post(context().findings, sent) : [];
    if (closed || !why) return;
    if (answer?.ok) [findings, checked] = [said.findings, sent.text];
    else if (!pane.hasAttribute("data-behind")) tell(`Not checked. ${why}`, "error"); // behind, it has told the reason
    mark(sent.text);
  });

  function mark(text) {
    const { doc } = view.state;
    if (doc.toString() !== text) return; // the text has changed, so the next response applies
    const own = fault?.file === section.dataset.file && fault.line;
    const isFound = own && text === checked && findings.some(({ line, severity }) => line === fault.line && severity === "error");
    const all = own && !isFound ? [fault] : findings;
    const now = JSON.stringify(all);
    if (now === shown) return; // new marks would close the list of findings at its selected one
    shown = now;
    const marks = all.filter(({ line }) => line >= 1 && line <= doc.lines).map((one) => diagnostic(doc, one));
    view.dispatch(setDiagnostics(view.state, marks));
  }

  function changed() {
    shown = "";
    const sent = () => ({ file: section.dataset.file, text: view.state.doc.toString() });
    render.soon(sent);
    check.soon(sent);
  }

  const refit = new ResizeObserver(() => fit(pane));
  refit.observe(pane);
  return {
    changed,
    close() {
      closed = true;
      refit.disconnect();
      for (const one of [render, check]) one.stop();
    },
  };
}

function context() {
  return document.querySelector("[data-editing]")?.dataset ?? {};
}

// Runs `act` after `pause` milliseconds without another call, and only one run at a time.
function bounded(pause, act) {
  let [waiting, busy, again] = [0, false, null];
  async function run(sent) {
    if (busy) return (again = sent);
    busy = true;
    await act(sent()).finally(() => (busy = false));
    const next = again;
    again = null;
    if (next) run(next);
  }
  return {
    soon(sent) {
      clearTimeout(waiting);
      waiting = setTimeout(() => run(sent), pause);
    },
    stop() {
      clearTimeout(waiting);
      again = null;
    },
  };
}

// Loads the draft behind the old one, and replaces it at the same scroll position.
async function show(pane, address, { width, scheme, title }) {
  const old = pane.querySelector("iframe:not(.arriving)");
  const looks = { title, class: "arriving", "data-width": width || "", "data-scheme": scheme };
  const coming = element("iframe", { src: address, sandbox: "allow-same-origin", ...looks });
  const there = new Promise((done) => coming.addEventListener("load", done, { once: true }));
  pane.append(coming);
  fit(pane);
  await there;
  coming.contentWindow?.scrollTo(0, old?.contentWindow?.scrollY ?? 0);
  coming.classList.remove("arriving");
  old?.remove();
}

function fit(pane) {
  for (const frame of pane.querySelectorAll("iframe")) {
    const wanted = Number(frame.dataset.width) || pane.clientWidth;
    const scale = Math.min(1, pane.clientWidth / wanted);
    Object.assign(frame.style, { width: `${wanted}px`, height: `${pane.clientHeight / scale}px`, transform: scale < 1 ? `scale(${scale})` : "" });
  }
}

function diagnostic(doc, { line, column, message, fix, severity, rule }) {
  const { from, to, text } = doc.line(line);
  TOKEN.lastIndex = column ? indexIn(text, column) : text.search(/\S|$/);
  const start = from + TOKEN.lastIndex;
  const token = TOKEN.exec(text);
  const end = token ? start + token[0].length : to;
  return { from: start, to: Math.max(start, end), severity: SEVERITY[severity], message: [message, fix].filter(Boolean).join(" "), source: rule };
}

// Returns the index of a column. The server counts characters from 1, and JavaScript UTF-16 units.
function indexIn(text, column) {
  return [...text].slice(0, column - 1).join("").length;
}
