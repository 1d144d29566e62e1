// Sends the form without leaving the page: where a code is missing or wrong, the password that was typed is still there.

const form = document.querySelector("form[data-password-rules]");
const PATIENCE = 60_000; // milliseconds
let sending = false;

form?.addEventListener("submit", async (event) => {
  if (event.defaultPrevented || event.submitter?.matches("[data-sends-code]")) return;
  event.preventDefault();
  if (sending) return;
  sending = true;
  try {
    await send();
  } catch {
    form.submit(); // the browser says what is wrong
  }
  sending = false;
});

const send = async () => {
  const answer = await fetch(form.action, {
    method: "POST",
    headers: { "Accept": "application/json", "Accept-Language": document.documentElement.lang },
    body: new URLSearchParams(new FormData(form)),
    redirect: "error",
    signal: AbortSignal.timeout(PATIENCE),
  });
  if (answer.headers.get("content-type")?.startsWith("application/json")) {
    return location.assign((await answer.json()).next);
  }
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  if (page.querySelector("[data-asks-code]")) return askForCode(page);
  if (page.querySelector("[data-password-rules]")) return form.submit(); // it is the password: a page of its own says so
  document.title = page.title;
  document.body.replaceWith(page.body);
  document.querySelector("h1")?.scrollIntoView();
};

const askForCode = (page) => {
  const { code } = form.elements;
  for (const id of ["code-error", "step-sent"]) {
    const mine = document.getElementById(id);
    if (mine) mine.textContent = page.getElementById(id)?.textContent.trim() ?? "";
  }
  code.toggleAttribute("aria-invalid", false);
  if (page.getElementById("code")?.hasAttribute("aria-invalid")) code.setAttribute("aria-invalid", "true");
  code.value = "";
  code.focus();
};
