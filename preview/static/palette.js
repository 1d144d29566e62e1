// The palette: finds every file of the folder and every action of this page by name, and shows the keys of the actions.

import { element } from "./element.js";
import { keysOf, labelOf } from "./keys.js";

const AT_MOST = 40;
const HERE = "This page";
const WORTH = { Template: 12, Sample: -4, "Shared file": 2 };
const ACTIONS = "[aria-keyshortcuts], .bar-actions > *, .toolbar a, .toolbar button, .review > ul > li > a, .tabs a, .detail .button";

const dialog = document.getElementById("palette");
const field = dialog.querySelector("input");
const list = dialog.querySelector("[role=listbox]");

let stored = [];
let storedFor = "";
let items = [];
let shown = [];
let chosen = 0;
let keysFirst = false;

export function usePalette() {
  for (const opener of document.querySelectorAll("[data-palette]")) {
    Object.assign(opener, { role: "button", ariaHasPopup: "dialog" });
    opener.addEventListener("click", (event) => {
      event.preventDefault();
      event.stopPropagation();
      open(opener.dataset.palette);
    });
  }
  field.addEventListener("input", show);
  dialog.addEventListener("keydown", press);
  dialog.addEventListener("click", (event) => {
    const option = event.target.closest("[role=option]");
    if (option) go(shown[Number(option.dataset.at)]);
    else if (event.target === dialog) dialog.close();
  });
}

async function open(first) {
  const address = document.body.dataset.index;
  if (address !== storedFor) stored = []; // their links lead to another view of the mails
  field.value = "";
  keysFirst = first === "keys";
  gather();
  dialog.showModal();
  show();
  const found = await fetch(address).then((answer) => (answer.ok ? answer.json() : null)).catch(() => null);
  if (!found || address !== document.body.dataset.index) return; // late: another view is open by now
  [stored, storedFor] = [found, address];
  gather();
  show();
}

// Collects the actions of the page from its links and buttons.
function gather() {
  const actions = [...document.querySelectorAll(ACTIONS)].filter((carrier) => carrier.matches("a[href], button:not([hidden]), summary"));
  const named = actions.map((carrier) => ({
    kind: carrier.closest("[role=group]")?.getAttribute("aria-label") ?? HERE,
    label: labelOf(carrier),
    carrier,
  }));
  items = [...new Map([...stored, ...named].map((item) => [`${item.kind}: ${item.label}`, item])).values()];
}

function show() {
  const find = field.value.trim().toLowerCase();
  const groups = find ? [["", ranked(find)]] : atFirst();
  shown = [];
  list.replaceChildren(...groups.filter(([, found]) => found.length).flatMap(([name, found]) => group(name, found)));
  list.hidden = shown.length === 0;
  dialog.querySelector(".none").hidden = shown.length > 0;
  dialog.querySelector("[data-found]").textContent = `${shown.length} found`;
  field.ariaExpanded = shown.length > 0;
  choose(0);
}

// Every word must be in the name. One that begins a part of it counts most, then a short name.
function ranked(find) {
  const words = find.split(/\s+/);
  const found = [];
  for (const item of items) {
    const name = (item.carrier ? `${item.kind} ${item.label}` : item.label).toLowerCase();
    if (!words.every((word) => name.includes(word))) continue;
    const parts = ` ${name.replace(/[^\p{L}\p{N}]+/gu, " ")}`;
    const begun = words.filter((word) => parts.includes(` ${word}`)).length;
    found.push({ item, score: 40 * begun + (WORTH[item.kind] ?? 6) - item.label.length / 20 });
  }
  return found.sort((one, other) => other.score - one.score).slice(0, AT_MOST).map(({ item }) => item);
}

function atFirst() {
  const templates = ["Templates", items.filter((item) => item.kind === "Template").slice(0, AT_MOST)];
  const actions = [HERE, items.filter((item) => item.carrier)];
  return keysFirst ? [actions, templates] : [templates, actions];
}

function group(name, found) {
  const options = found.map((item) => {
    const kind = name.startsWith(item.kind) ? "" : item.kind;
    const keys = item.carrier ? keysOf(item.carrier).map((key) => element("kbd", {}, key)) : [];
    const id = shown.push(item) - 1;
    const words = [element("span", {}, item.label), element("small", {}, kind), ...keys];
    return element("div", { role: "option", id: `option-${id}`, "data-at": id }, ...words);
  });
  if (!name) return options;
  return [element("div", { role: "group", "aria-label": name }, element("p", { "aria-hidden": "true" }, name), ...options)];
}

function choose(at) {
  chosen = at;
  for (const option of list.querySelectorAll("[role=option]")) option.ariaSelected = Number(option.dataset.at) === at;
  const option = document.getElementById(`option-${at}`);
  if (!option) return field.removeAttribute("aria-activedescendant");
  field.setAttribute("aria-activedescendant", option.id);
  if (at === 0) list.scrollTop = 0;
  else option.scrollIntoView({ block: "nearest" });
}

function press(event) {
  if (event.isComposing) return; // the keys choose characters
  const { key, target } = event;
  const step = { ArrowDown: 1, ArrowUp: -1 }[key];
  if (step) choose((chosen + step + shown.length) % Math.max(shown.length, 1));
  else if (key === "Enter" && target === field) go(shown[chosen]);
  else if (key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey)) dialog.close();
  else return;
  event.preventDefault();
  event.stopPropagation(); // otherwise the key that closes the palette opens it again
}

function go(item) {
  if (!item) return;
  dialog.close();
  const carrier = document.getElementById(item.carrier?.id) ?? item.carrier; // a page that came since has another one
  if (carrier?.isConnected) return carrier.click();
  const link = element("a", { href: item.href ?? carrier.href }); // a button that is gone leads nowhere
  document.body.append(link);
  link.click();
  link.remove();
}
