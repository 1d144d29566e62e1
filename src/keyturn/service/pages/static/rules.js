// Ticks the rules off while the user types, and says what is missing before the form is sent.
// The server decides. Only the server checks rules without a pattern, once the user has finished typing. Until it has
// accepted exactly that password, none of those rules is ticked off, and no strength is called strong.

import { strengthOf } from "./strength.js";

const form = document.querySelector("[data-password-rules]");
const password = form.elements.password;
const again = form.elements.again;
const meter = form.querySelector("[role=meter]");
const list = new Intl.ListFormat(document.documentElement.lang);
const words = meter.dataset.words.split("|");
const listed = form.querySelector(".rules");
const status = document.getElementById("progress");
const PATIENCE = 10_000, PAUSE = 700; // milliseconds; after a pause without a key a screen reader is told
let accepted, refused, sending = false, pause;

// With the flag u a pattern counts code points, as the server does.
const rules = [...form.querySelectorAll("[data-pattern]")].map((item) => {
  const pattern = new RegExp(item.dataset.pattern, "u");
  return { item, holds: () => pattern.test(password.value) };
});
const checkedLater = [...form.querySelectorAll(".later")];
// Custom page templates may leave it out.
const same = [...form.querySelectorAll("[data-same]")].map((item) => (
  { item, holds: () => password.value !== "" && password.value === again.value }));

/** The words of a rule, without those that say whether it is met. */
const textOf = (item) => item.firstChild.textContent.trim();

const tick = (item, met) => {
  item.classList.toggle("met", met);
  // Custom page templates may have the rules alone.
  if (item.lastElementChild) item.lastElementChild.textContent = met ? listed.dataset.met : listed.dataset.unmet;
  return met;
};

const look = () => {
  const ticks = [...rules, ...same].map(({ item, holds }) => tick(item, holds()));
  ticks.push(...checkedLater.map((item) => tick(item, password.value === accepted)));
  const unmet = rules.some(({ holds }) => !holds());
  const most = password.value === accepted ? 4 : 3;
  const weak = unmet || password.value === refused;
  const level = password.value === "" ? 0 : weak ? 1 : Math.min(most, strengthOf(password.value));
  meter.setAttribute("aria-valuenow", String(level));
  meter.setAttribute("aria-valuetext", words[level]);
  clearTimeout(pause);
  pause = setTimeout(tell, PAUSE, { met: ticks.filter(Boolean).length, all: ticks.length, strength: words[level] });
};

const tell = (values) => {
  if (!status) return;
  const told = password.value && status.dataset.text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
  if (status.textContent !== told) status.textContent = told;
};

const complain = (field, message) => {
  document.getElementById(`${field.id}-error`).textContent = message;
  if (message) field.setAttribute("aria-invalid", "true");
  else field.removeAttribute("aria-invalid");
};

const unmetText = (texts) => form.dataset.unmet.replace("…", () => list.format(texts));

const tellRefusal = (violations) => {
  const items = new Map(violations.map(({ rule }) => [rule, form.querySelector(`[data-rule="${CSS.escape(rule)}"]`)]));
  for (const item of items.values()) item?.classList.add("broken");
  const named = ({ rule, message }) => items.get(rule) ? textOf(items.get(rule)) : message;
  complain(password, unmetText(violations.map(named)));
};

const ask = async () => {
  const chosen = password.value;
  if (!form.dataset.check || sending || chosen === "" || chosen === accepted || rules.some(({ holds }) => !holds())) return;
  const answer = await fetch(form.dataset.check, {
    method: "POST",
    headers: { "Accept-Language": document.documentElement.lang },
    body: new URLSearchParams(new FormData(form)),
    redirect: "error",
    signal: AbortSignal.timeout?.(PATIENCE),
  }).then((found) => found.ok ? found.json() : null).catch(() => null); // the form is sent all the same
  if (!answer || password.value !== chosen) return;
  if (answer.accepted) accepted = chosen;
  else {
    refused = chosen;
    tellRefusal(answer.violations);
  }
  look();
};

// Enter sends the form right after this event, and then the answer to that tells.
password.addEventListener("change", () => setTimeout(ask));

form.addEventListener("input", (event) => {
  sending = false;
  if (event.target === password || event.target === again) complain(event.target, "");
  if (event.target === password) for (const item of form.querySelectorAll(".broken")) item.classList.remove("broken");
  look();
});

form.addEventListener("submit", (event) => {
  if (event.submitter?.matches("[data-sends-code]")) return;
  const unmet = rules.filter(({ holds }) => !holds()).map(({ item }) => textOf(item));
  const different = password.value !== again.value;
  complain(password, unmet.length ? unmetText(unmet) : "");
  complain(again, different ? form.dataset.mismatch : "");
  sending = !unmet.length && !different;
  if (sending) return;
  event.preventDefault();
  (unmet.length ? password : again).focus();
}, { capture: true });

look();
