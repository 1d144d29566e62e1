// Requests a code for a phone without leaving the page, so that the typed password is still there. The phone's keyboard
// and the browser's suggestions fit the chosen factor.

const button = document.querySelector("[data-sends-code]");
const PATIENCE = 20_000; // milliseconds

button?.addEventListener("click", async (event) => {
  event.preventDefault();
  if (button.disabled) return;
  button.disabled = true;
  const { form, parentElement: box } = button, all = new FormData(form);
  const answer = await fetch(button.formAction, {
    method: "POST",
    headers: { "Accept": "application/json", "Accept-Language": document.documentElement.lang },
    body: new URLSearchParams(["_csrf_token", "email"].map((name) => [name, all.get(name)])),
    redirect: "error",
    signal: AbortSignal.timeout?.(PATIENCE),
  }).catch(() => null);
  button.disabled = false;
  const sent = Boolean(answer?.ok), minutes = Math.ceil(answer?.headers.get("retry-after") / 60) || 0;
  const wait = minutes < 120 ? [minutes, "minute"] : [Math.ceil(minutes / 60), "hour"];
  const again = button.dataset.again.replace("…", new Intl.RelativeTimeFormat(document.documentElement.lang).format(...wait));
  const status = box.querySelector("[role=status]");
  status.textContent = sent ? button.dataset.sent : minutes ? again : button.dataset.failed;
  status.className = sent ? "muted" : "error";
  (sent ? form.elements.code : button).focus();
});

const step = document.querySelector(".step");

const fit = () => {
  const { code, method } = step.form.elements;
  const recovery = method.value === "recovery_code";
  code.inputMode = recovery ? "text" : "numeric";
  code.autocomplete = recovery ? "off" : "one-time-code";
};

step?.addEventListener("change", fit);
if (step) fit();
