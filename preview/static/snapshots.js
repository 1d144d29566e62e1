// Accepts a change, and opens the next change, or the page that the answer leads to.

import { visit } from "./page.js";

export function useSnapshots() {
  document.addEventListener("submit", accept);
}

async function accept(event) {
  const form = event.target;
  if (!form.matches("[data-accept]")) return;
  event.preventDefault();
  document.body.dataset.deciding = ""; // events.js ignores the change, since this function loads the page
  const body = new URLSearchParams(new FormData(form));
  const answer = await fetch(form.action, { method: "POST", body }).catch(() => null);
  delete document.body.dataset.deciding;
  await visit(answer?.ok ? form.dataset.accept || answer.url : location.href);
}
