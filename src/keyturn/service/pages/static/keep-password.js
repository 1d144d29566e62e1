// Sends the form without leaving the page: if a code is missing or wrong, the typed password is still there.

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

/** Sends the form, and returns whether the browser leaves the page, so that nothing more may be sent. */
const send = async () => {
  const answer = await fetch(form.action, {
    method: "POST",
    headers: { "Accept": "application/json", "Accept-Language": document.documentElement.lang },
    body: new URLSearchParams(new FormData(form)),
    redirect: "manual", // the password goes nowhere else
    signal: AbortSignal.timeout?.(PATIENCE),
  });
  // Any other answer means that the link still works. The browser sends the form again, and shows that answer as a page.
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
