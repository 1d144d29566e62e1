// The data form: the mail is rendered again while the user types, and a new page does not disturb the typing.

import { hold, keep } from "./blend.js";
import { addressWith, build, editOf } from "./form.js";
import { post, visit } from "./page.js";

// Milliseconds without a key before the mail is rendered: longer than the gap between two keys, too short to notice.
const PAUSE = 120;

let waiting = 0, saving = false;

export function useData() {
  build(document);
  document.addEventListener("input", ({ target }) => isData(target) && change(target));
  document.addEventListener("change", ({ target }) => isData(target) && change(target, 0));
  // A field keeps the focus when the user leaves the window.
  document.addEventListener("focusout", ({ target }) => document.activeElement !== target && hold(null));
  document.addEventListener("submit", submit, { capture: true });
  document.addEventListener("keydown", save);
  document.addEventListener("click", ({ target }) => target.closest("a[href]") && stop());
  addEventListener("popstate", stop);
}

function isData(control) {
  return control.form?.hasAttribute("data-edits") && !control.hasAttribute("data-kept");
}

function change(control, pause = PAUSE) {
  hold(pause ? control : null);
  const unset = document.getElementById(`${control.id}-unset`);
  if (unset && pause) unset.checked = false;
  clearTimeout(waiting);
  if (pause) waiting = setTimeout(() => send(control.form), pause);
  else send(control.form);
}

// The buttons that add and remove count as changes.
function submit(event) {
  const { target: form, submitter } = event;
  if (!form.hasAttribute("data-edits")) return;
  event.stopPropagation();
  event.preventDefault();
  if (submitter?.formMethod === "post") return saveSample(form, submitter);
  hold(null);
  send(form, submitter);
}

// Saves the data as a sample, and goes to it; or says what is in the way.
async function saveSample(form, submitter) {
  if (saving) return;
  saving = true;
  const [saves, misfit, replace] = ["save", "save-misfit", "replace"].map((id) => document.getElementById(id));
  const sample = { name: form.elements.as.value, edit: editOf(form), replaces: submitter === replace };
  const [answer, said] = await post(saves.formAction, sample);
  saving = false;
  misfit.textContent = answer?.ok ? "" : (said?.detail ?? "Not saved: the studio does not respond.");
  misfit.hidden = !misfit.textContent;
  misfit.scrollIntoView({ block: "nearest" });
  replace.hidden = !said?.replaceable;
  if (!answer?.ok) return (replace.hidden ? form.elements.as : replace).focus();
  stop();
  visit(said.address);
}

// Only the first of many changes adds an entry to the history.
function send(form, submitter) {
  clearTimeout(waiting);
  const address = new URL(addressWith(form, submitter), location.href).href;
  const tooMuch = address.length >= form.dataset.longest;
  document.getElementById("too-much")?.toggleAttribute("hidden", !tooMuch);
  keep(tooMuch ? form : null);
  if (tooMuch) return;
  visit(address, { replace: new URL(location.href).searchParams.has("edit") });
}

// A refusal is about the page that is left.
function stop() {
  clearTimeout(waiting);
  for (const id of ["too-much", "save-misfit", "replace"]) document.getElementById(id)?.toggleAttribute("hidden", true);
  keep(null);
  hold(null);
}

// The Enter key would press the form's first button. In the name of a sample it saves instead.
function save(event) {
  if (event.key !== "Enter" || event.isComposing || event.target.id !== "save-as") return;
  event.preventDefault();
  event.target.form.requestSubmit(document.getElementById("save"));
}
