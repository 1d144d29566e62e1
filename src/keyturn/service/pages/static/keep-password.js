// Sends the form without leaving the page: where a code is missing or wrong, the password that was typed is still there.

import { setBusy, tellAway } from "./once.js";

const form = document.querySelector("form[data-password-rules]");
const PATIENCE = 60_000; // milliseconds
let sending = false;

form?.addEventListener("submit", async (event) => {
  if (event.defaultPrevented || event.submitter?.matches("[data-sends-code]")) return;
  event.preventDefault();
  if (sending) return;
  sending = true;
  setBusy(form, true);
  try {
    sending = await send();
    if (!sending) setBusy(form, false);
  } catch {
    sending = false;
    tellAway(form);
  }
});

/** Whether the browser leads on, so that nothing may be sent any more. */
const send = async () => {
  const answer = await fetch(form.action, {
    method: "POST",
    headers: { "Accept": "application/json", "Accept-Language": document.documentElement.lang },
    body: new URLSearchParams(new FormData(form)),
    redirect: "manual", // what was typed goes nowhere else
    signal: AbortSignal.timeout?.(PATIENCE),
  });
  // Whatever else it says, the link lives: sent once more by the browser, the same is said on a page.
  if (!answer.headers.get("content-type")?.startsWith("application/json")) {
    form.submit();
    return true;
  }
  const told = await answer.json();
  if (told.next) {
    location.assign(told.next);
    return true;
  }
  const { code } = form.elements, button = document.querySelector("[data-sends-code]");
  document.getElementById("code-error").textContent = told.complaint;
  if (told.sent) document.getElementById("step-sent").textContent = button.dataset.sent;
  if (told.complaint) code.setAttribute("aria-invalid", "true");
  else code.removeAttribute("aria-invalid");
  code.value = "";
  code.focus();
  return false;
};
