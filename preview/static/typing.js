// A field with `data-as-typed` filters its page while the user types, and at once with the Enter key. A field with
// `data-held` waits for the Enter key, and new pages do not change it while the user types.

import { hold } from "./blend.js";
import { draw } from "./page.js";

const PAUSE = 200; // ms without a key, longer than the gap between two keys
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

// Only the first of many changes adds an entry to the history.
function ask({ form, name }) {
  if (form) draw(addressOf(form), { replace: new URLSearchParams(location.search).has(name) });
}

// Leaving the field loads the page only if the user left within the pause.
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
