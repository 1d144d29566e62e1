// A field that filters a page does so while it is typed in; the Enter key only does it at once. One that asks only then
// is left alone by pages that arrive while it is typed in.

import { hold } from "./blend.js";
import { draw } from "./page.js";

const PAUSE = 200; // ms without a key: longer than between two of them
let waiting = 0;

export function useTyping() {
  document.addEventListener("input", ({ target }) => {
    if (target.matches("[data-as-typed]")) type(target);
    else if (target.matches("[data-held]")) hold(target);
  });
  document.addEventListener("change", leave, { capture: true });
  document.addEventListener("submit", stop, { capture: true });
  document.addEventListener("click", ({ target }) => target.closest("a[href]") && stop(), { capture: true });
  addEventListener("popstate", stop);
}

function type(field) {
  hold(field);
  stop();
  waiting = setTimeout(() => ask(field), PAUSE);
}

// Only the first of many changes is a step that one can go back from.
function ask({ form, name }) {
  if (form) draw(addressOf(form), { replace: new URLSearchParams(location.search).has(name) });
}

// Whoever leaves the field asks for nothing new, unless it was left within the pause.
function leave(event) {
  if (!event.target.matches("[data-as-typed]")) return;
  stop();
  if (addressOf(event.target.form) === location.href.split("#")[0]) event.stopPropagation();
}

function stop() {
  clearTimeout(waiting);
}

function addressOf(form) {
  const filled = new URLSearchParams([...new FormData(form)].filter(([, value]) => value !== ""));
  return `${form.action.split(/[?#]/)[0]}${filled.size ? `?${filled}` : ""}`;
}
