// Ticks the rules off while somebody types, and says what is missing before a form is sent in vain.
// The server decides: what has no pattern is checked there alone, once a password has been typed to its end. Until it
// has said yes to that very password, none of those is ticked off, and no strength is called strong.

import { strength } from "./strength.js";

const form = document.querySelector("[data-password-rules]");
const password = form.elements.password;
const again = form.elements.again;
const meter = form.querySelector("[role=meter]");
const list = new Intl.ListFormat(document.documentElement.lang);
const words = meter.dataset.words.split("|");
const PATIENCE = 10_000; // milliseconds
let accepted, refused, sending = false;

// With the flag u a pattern counts code points, as the server does.
const rules = [...form.querySelectorAll("[data-pattern]")].map((item) => {
  const pattern = new RegExp(item.dataset.pattern, "u");
  return { item, holds: () => pattern.test(password.value) };
});
const checkedLater = [...form.querySelectorAll(".later")];
const same = { item: form.querySelector("[data-same]"), holds: () => password.value !== "" && password.value === again.value };

const look = () => {
  for (const { item, holds } of [...rules, same]) item.classList.toggle("met", holds());
  for (const item of checkedLater) item.classList.toggle("met", password.value === accepted);
  const unmet = rules.some(({ holds }) => !holds());
  const most = password.value === accepted ? 4 : 3;
  const weak = unmet || password.value === refused;
  const level = password.value === "" ? 0 : weak ? 1 : Math.min(most, strength(password.value));
  meter.setAttribute("aria-valuenow", String(level));
  meter.setAttribute("aria-valuetext", words[level]);
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
  complain(password, unmetText(violations.map(({ rule, message }) => items.get(rule)?.textContent.trim() ?? message)));
};

const ask = async () => {
  const chosen = password.value;
  if (!form.dataset.check || sending || chosen === "" || chosen === accepted || rules.some(({ holds }) => !holds())) return;
  const answer = await fetch(form.dataset.check, {
    method: "POST",
    headers: { "Accept-Language": document.documentElement.lang },
    body: new URLSearchParams(new FormData(form)),
    redirect: "error",
    signal: AbortSignal.timeout(PATIENCE),
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
  const unmet = rules.filter(({ holds }) => !holds()).map(({ item }) => item.textContent.trim());
  const different = password.value !== again.value;
  complain(password, unmet.length ? unmetText(unmet) : "");
  complain(again, different ? form.dataset.mismatch : "");
  sending = !unmet.length && !different;
  if (sending) return;
  event.preventDefault();
  (unmet.length ? password : again).focus();
}, { capture: true });

look();
