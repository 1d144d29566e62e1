// Solves ALTCHA's puzzle when a form is sent, and sends the form with the answer.

import { setBusy, submit } from "./once.js";
import { solve } from "./puzzle.js";

const PATIENCE = 10_000; // milliseconds

for (const place of document.querySelectorAll("[data-challenge]")) {
  const form = place.closest("form"), { altcha } = form.elements;
  let solving = false;

  const say = (text, failed = false) => {
    place.textContent = text;
    place.className = failed ? "error" : "muted";
    setBusy(form, !failed);
    solving = !failed;
  };

  form.addEventListener("submit", async (event) => {
    if (altcha.value) return;
    event.preventDefault();
    if (solving) return;
    say(place.dataset.checking);
    try {
      const puzzle = await fetch(place.dataset.challenge, { cache: "no-store", signal: AbortSignal.timeout?.(PATIENCE) });
      altcha.value = await solve(await puzzle.json());
      submit(form, event.submitter);
    } catch {
      say(place.dataset.failed, true);
    }
  });

  // An answer is accepted once: the form that the browser's own button brings back needs another.
  window.addEventListener("pageshow", () => {
    altcha.value = place.textContent = "";
    solving = false;
  });
}
