// The palette: finds every file of the folder and every action of this page by name.

import { element } from "./element.js";
import { labelOf } from "./keys.js";
import { keep, kept } from "./kept.js";

const AT_MOST = 40;
const RECENT = 5;
const STRETCH = 5;
const HERE = "This page";
const WORTH = { Template: 12, Sample: -4, "Shared file": 2 };
const ACTIONS = ".bar-actions > *, .toolbar a, .toolbar button:not([hidden]), .review > ul > li > a, .tabs a, .detail .button, .status button";

const dialog = document.getElementById("palette");
const field = dialog.querySelector("input");
const list = dialog.querySelector("[role=listbox]");

let stored = [];
let storedFor = "";
let items = [];
let shown = [];
let chosen = 0;

export function usePalette() {
  const opener = document.querySelector("[data-palette]");
  opener.setAttribute("role", "button");
  opener.setAttribute("aria-haspopup", "dialog");
  opener.addEventListener("click", (event) => {
    event.preventDefault();
    event.stopPropagation();
    open();
  });
  field.addEventListener("input", show);
  dialog.addEventListener("keydown", press);
  dialog.addEventListener("click", (event) => {
    const option = event.target.closest("[role=option]");
    if (option) go(shown[Number(option.dataset.at)], event.ctrlKey || event.metaKey);
    else if (event.target === dialog) dialog.close();
  });
}

async function open() {
  const address = document.body.dataset.index;
  if (address !== storedFor) stored = []; // their links lead to another view of the mails
  field.value = "";
  gather();
  dialog.showModal();
  show();
  const answer = await fetch(address).catch(() => null);
  if (!answer?.ok) return;
  [stored, storedFor] = [await answer.json(), address];
  gather();
  show();
}

// Collects the actions of the page from its links and buttons.
function gather() {
  const actions = [...document.querySelectorAll(ACTIONS)].filter((carrier) => carrier.matches("a[href], button"));
  items = [
    ...stored,
    ...actions.map((carrier) => ({
      kind: carrier.closest("[role=group]")?.getAttribute("aria-label") ?? HERE,
      label: labelOf(carrier),
      carrier,
    })),
  ];
  items = [...new Map(items.map((item) => [keyOf(item), item])).values()];
}

function show() {
  const find = field.value.trim();
  const groups = find ? [["", ranked(find)]] : atFirst();
  shown = [];
  list.replaceChildren(...groups.filter(([, found]) => found.length).map(([name, found]) => group(name, found, find)));
  list.hidden = shown.length === 0;
  dialog.querySelector(".none").hidden = shown.length > 0;
  dialog.querySelector("[data-found]").textContent = `${shown.length} found`;
  field.setAttribute("aria-expanded", String(shown.length > 0));
  choose(0);
}

function ranked(find) {
  const before = recent();
  const found = [];
  for (const item of items) {
    const at = match(find, item.label) ?? (item.carrier ? match(find, `${item.kind} ${item.label}`) : null);
    if (at) found.push({ item, score: at.score + (WORTH[item.kind] ?? 6) + (before.includes(keyOf(item)) ? 8 : 0) });
  }
  return found.sort((one, other) => other.score - one.score).slice(0, AT_MOST).map(({ item }) => item);
}

function atFirst() {
  const before = recent().map((key) => items.find((item) => keyOf(item) === key)).filter(Boolean).slice(0, RECENT);
  const rest = items.filter((item) => !before.includes(item));
  return [
    ["Recent", before],
    ["Templates", rest.filter((item) => item.kind === "Template").slice(0, AT_MOST)],
    [HERE, rest.filter((item) => item.carrier)],
  ];
}

function group(name, found, find) {
  const options = found.map((item) => {
    const at = shown.push(item) - 1;
    const kind = name.startsWith(item.kind) ? "" : item.kind;
    const words = [highlighted(item.label, find), element("small", {}, kind)];
    return element("div", { role: "option", id: `option-${at}`, "data-at": at }, ...words);
  });
  if (!name) return fragment(options);
  return element("div", { role: "group", "aria-label": name }, element("p", { "aria-hidden": "true" }, name), ...options);
}

function fragment(nodes) {
  const made = document.createDocumentFragment();
  made.append(...nodes);
  return made;
}

function highlighted(label, find) {
  const { letters } = match(find, label) ?? { letters: new Set() };
  const runs = [];
  for (let at = 0; at < label.length; at++) {
    const found = letters.has(at);
    if (runs.at(-1)?.found === found) runs.at(-1).text += label[at];
    else runs.push({ found, text: label[at] });
  }
  return element("span", {}, ...runs.map(({ found, text }) => (found ? element("mark", {}, text) : text)));
}

// Returns a score and letters; null if the name does not contain every word of the search, whole or with letters left out.
function match(find, name) {
  const low = name.toLowerCase();
  const starts = Array.from(low.matchAll(/(?<![\p{L}\p{N}])[\p{L}\p{N}]/gu), (part) => part.index);
  const letters = new Set();
  let score = -low.length / 20;
  for (const word of find.toLowerCase().split(/\s+/).filter(Boolean)) {
    const at = starts.find((start) => low.startsWith(word, start)) ?? low.indexOf(word);
    const found = at < 0 ? inOrder(word, low, starts) : Array.from(word, (_, nth) => at + nth);
    if (!found) return null;
    found.forEach((letter) => letters.add(letter));
    score += at < 0 ? 40 - (found.at(-1) - found[0] - word.length) : starts.includes(at) ? 100 : 60;
  }
  return { score, letters };
}

// Finds the letters of a word, the first of which begins a part of the name; its last letter must be near.
function inOrder(word, name, starts) {
  for (const start of starts.filter((one) => name[one] === word[0])) {
    const letters = [];
    for (let at = start; letters.length < word.length && at < start + STRETCH * word.length; at++) {
      if (name[at] === word[letters.length]) letters.push(at);
    }
    if (letters.length === word.length) return letters;
  }
  return null;
}

function choose(at) {
  chosen = at;
  for (const option of list.querySelectorAll("[role=option]")) {
    option.setAttribute("aria-selected", String(Number(option.dataset.at) === at));
  }
  const option = document.getElementById(`option-${at}`);
  if (!option) return field.removeAttribute("aria-activedescendant");
  field.setAttribute("aria-activedescendant", option.id);
  if (at === 0) list.scrollTop = 0;
  else option.scrollIntoView({ block: "nearest" });
}

function press(event) {
  const { key } = event;
  const step = { ArrowDown: 1, ArrowUp: -1 }[key];
  if (step) choose((chosen + step + shown.length) % Math.max(shown.length, 1));
  else if (key === "Enter") go(shown[chosen], event.ctrlKey || event.metaKey);
  else if (key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey)) dialog.close();
  else return;
  event.preventDefault();
  event.stopPropagation(); // otherwise the key that closes the palette opens it again
}

function go(item, inNewTab) {
  if (!item) return;
  remember(item);
  const href = item.href ?? item.carrier.href;
  if (inNewTab && href) return window.open(href, "_blank", "noopener");
  dialog.close();
  if (item.carrier?.isConnected) return item.carrier.click();
  const link = element("a", { href });
  document.body.append(link);
  link.click();
  link.remove();
}

function keyOf({ kind, label }) {
  return `${kind}: ${label}`;
}

function recent() {
  return JSON.parse(kept("recent") ?? "[]");
}

function remember(item) {
  const others = recent().filter((key) => key !== keyOf(item));
  keep("recent", JSON.stringify([keyOf(item), ...others].slice(0, 20)));
}
