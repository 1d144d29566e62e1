// A form is sent once, however often its button is pressed: a second "Save" would find its link used. The button shows
// that the form is being sent. Without a network nothing is sent: the browser would replace this page by an error page
// of its own, and the user's input would be lost.

const PATIENCE = 10_000; // milliseconds
const BUTTONS = "button:not([type=button], [data-sends-code], .unseen)";
const states = new WeakMap();

document.addEventListener("submit", (event) => {
  if (event.defaultPrevented) return;
  const { target: form, submitter } = event, state = states.get(form);
  if (state === "reached") {
    states.set(form, "sent");
    return;
  }
  event.preventDefault();
  if (state) return;
  states.set(form, "asked");
  setBusy(form, true);
  // This file is on the server that the form is sent to.
  fetch(import.meta.url, { method: "HEAD", cache: "no-store", signal: AbortSignal.timeout?.(PATIENCE) }).then(() => {
    states.set(form, "reached");
    submit(form, submitter);
  }, () => {
    states.delete(form);
    tellAway(form);
  });
});

/** Sends a form as its button would. Safari before 16 cannot: there the form is sent with the button's value. */
export const submit = (form, submitter) => {
  if (form.requestSubmit) return form.requestSubmit(submitter);
  const { name, value } = submitter ?? {};
  if (name) form.append(Object.assign(document.createElement("input"), { type: "hidden", name, value }));
  form.submit();
};

// The browser's back button shows the page as the user left it.
window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form")) {
    states.delete(form);
    setBusy(form, false);
  }
});

/** Shows whether a form is being sent. */
export const setBusy = (form, busy) => {
  form.querySelector(".away")?.remove();
  for (const button of form.querySelectorAll(BUTTONS)) {
    if (busy) button.setAttribute("aria-busy", "true");
    else button.removeAttribute("aria-busy");
  }
};

/** Says that there is no network. The user's input stays. */
export const tellAway = (form) => {
  setBusy(form, false);
  const said = document.createElement("p");
  said.className = "error away";
  said.setAttribute("role", "alert");
  said.textContent = document.body.dataset.away ?? "No connection. What you typed is still here.";
  form.querySelector(BUTTONS)?.before(said);
};
