// Ticks the rules off while somebody types, and says what is missing before a form is sent in vain.
// The server decides: what has no pattern is checked there alone.

import { strength } from "./strength.js";

const form = document.querySelector("[data-password-rules]");
const password = form.elements.password;
const again = form.elements.again;
const meter = form.querySelector("[role=meter]");
const list = new Intl.ListFormat(document.documentElement.lang);
const words = meter.dataset.words.split("|");

// With the flag u a pattern counts code points, as the server does.
const rules = [...form.querySelectorAll("[data-pattern]")].map((item) => {
  const pattern = new RegExp(item.dataset.pattern, "u");
  return { item, holds: () => pattern.test(password.value) };
});
const same = { item: form.querySelector("[data-same]"), holds: () => password.value !== "" && password.value === again.value };

const look = () => {
  for (const { item, holds } of [...rules, same]) item.classList.toggle("met", holds());
  const unmet = rules.some(({ holds }) => !holds());
  const level = password.value === "" ? 0 : unmet ? 1 : strength(password.value);
  meter.setAttribute("aria-valuenow", String(level));
  meter.setAttribute("aria-valuetext", words[level]);
};

const complain = (field, message) => {
  document.getElementById(`${field.id}-error`).textContent = message;
  if (message) field.setAttribute("aria-invalid", "true");
  else field.removeAttribute("aria-invalid");
};

form.addEventListener("input", (event) => {
  if (event.target === password || event.target === again) complain(event.target, "");
  look();
});

form.addEventListener("submit", (event) => {
  const unmet = rules.filter(({ holds }) => !holds()).map(({ item }) => item.textContent.trim());
  const different = password.value !== again.value;
  complain(password, unmet.length ? form.dataset.unmet.replace("…", () => list.format(unmet)) : "");
  complain(again, different ? form.dataset.mismatch : "");
  if (!unmet.length && !different) return;
  event.preventDefault();
  (unmet.length ? password : again).focus();
}, { capture: true });

look();
