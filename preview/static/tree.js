// The search above the list: hides and shows rows while the user types. A long list asks the server.

import { match } from "./matching.js";

const field = document.getElementById("find");
const list = document.querySelector('.list [data-region="list"]');

export function useTree() {
  field.addEventListener("input", filter);
  field.addEventListener("keydown", (event) => {
    if (event.key === "Escape") clear(event);
    if (event.key === "ArrowDown") rows()[0]?.focus();
    if (event.key === "ArrowDown" || (event.key === "Enter" && !waits())) event.preventDefault();
    if (event.key === "Enter" && field.value.trim() && !waits()) rows()[0]?.click();
  });
  list.addEventListener("click", (event) => event.target.closest("[data-clear]") && clear(event));
  (list.querySelector('[aria-current="page"]') ?? list.querySelector(".row.open"))?.scrollIntoView({ block: "nearest" });
  new MutationObserver(renew).observe(list, { childList: true });
  askOrNot();
}

function renew() {
  askOrNot();
  if (field.hasAttribute("data-as-typed") && document.activeElement !== field) field.value = asked();
  filter();
}

function askOrNot() {
  const asks = list.querySelector("[data-asks]") !== null;
  field.toggleAttribute("data-as-typed", asks);
  field.form.toggleAttribute("data-at-once", asks);
}

function asked() {
  return new URLSearchParams(location.search).get("find") ?? "";
}

// Whether the list is that of an earlier search.
function waits() {
  return field.hasAttribute("data-as-typed") && field.value !== asked();
}

function clear(event) {
  if (!field.value) return;
  event.preventDefault();
  event.stopPropagation();
  field.value = "";
  field.dispatchEvent(new Event("input", { bubbles: true }));
  field.focus();
}

function filter() {
  if (waits()) return;
  const find = field.value;
  const fits = (name) => match(find, name) !== null;
  for (const item of list.querySelectorAll("[data-words]")) {
    const parent = item.parentElement.closest("[data-words]");
    const samples = item.dataset.samples?.split("\n") ?? [];
    const itself = fits(item.dataset.words) || (parent !== null && fits(parent.dataset.words));
    item.hidden = !itself && !samples.some((sample) => fits(`${item.dataset.words} ${sample}`));
  }
  for (const group of [...list.querySelectorAll("[data-group]")].reverse()) {
    group.hidden = find.trim() !== "" && !group.querySelector("[data-words]:not([hidden])");
  }
  const left = Number(list.querySelector("[data-asks]")?.dataset.asks ?? 0);
  const found = [...list.querySelectorAll("[data-words]:not([data-words] *)")].filter((item) => !item.hidden).length + left;
  list.querySelector("[data-nothing]").hidden = !find.trim() || found > 0;
  for (const folded of find.trim() ? list.querySelectorAll("details") : []) folded.open = true;
  document.querySelector(".list [data-found]").textContent = find.trim() ? `${found} found` : "";
}

function rows() {
  return [...list.querySelectorAll("[data-group] a.row")].filter((row) => row.checkVisibility());
}
