// A key clicks the element that names it in aria-keyshortcuts. The dialog of keys lists those elements.

import { element } from "./element.js";
import { settled } from "./page.js";
import { keep, kept } from "./kept.js";

const ARROWS = { ArrowDown: "j", ArrowUp: "k" };
const SIGNS = { j: "↓", k: "↑" };
const PLACES = { Everywhere: ".bar, .list, .status", Details: ".details", "The mail": "main" };
const onMac = /mac|iphone|ipad/i.test(navigator.userAgentData?.platform ?? navigator.platform);

let turn = Promise.resolve();

export const keysAreOn = () => kept("keys") !== "off";

export function useKeys() {
  const dialog = document.getElementById("keys");
  const on = dialog.querySelector("[data-keys]");
  on.checked = keysAreOn();
  on.addEventListener("change", () => keep("keys", on.checked ? "on" : "off"));
  dialog.addEventListener("beforetoggle", () => tell(dialog.querySelector("[data-keys-list]")));
  for (const sign of onMac ? document.querySelectorAll("[data-modifier]") : []) sign.textContent = "⌘";

  document.addEventListener("keydown", (event) => {
    const { key, target } = event;
    if (document.querySelector("dialog[open]") || event.altKey) return;
    const held = event.ctrlKey ? "Control+" : event.metaKey ? "Meta+" : "";
    const typing = target.closest("input:not([type=checkbox], [type=radio], [type=range]), select, textarea, [contenteditable]");
    if (!held && (typing || (key in ARROWS ? target.closest(".canvas, .details") : !on.checked))) return;
    const name = held ? held + key.toUpperCase() : (ARROWS[key] ?? key);
    const carrier = carrierOf(name);
    if (!carrier) return;
    event.preventDefault();
    if (carrier.matches("input")) return carrier.select();
    if (held || carrier.matches("button")) return carrier.click();
    turn = turn.then(() => follow(name));
  });
}

// A key waits until the page of the key before it has loaded, since that page has the link to follow.
async function follow(key) {
  await settled();
  carrierOf(key)?.click();
  await settled();
}

function carrierOf(key) {
  return document.querySelector(`[aria-keyshortcuts~="${CSS.escape(key)}"]`);
}

// Lists the keys by the part of the page, and the keys of a group in one row.
function tell(list) {
  list.replaceChildren();
  for (const [place, where] of Object.entries(PLACES)) {
    const rows = new Map();
    for (const carrier of document.querySelectorAll(`:is(${where}) [aria-keyshortcuts]`)) {
      const label = labelOf(carrier);
      const group = carrier.closest("[role=group]")?.getAttribute("aria-label") ?? label;
      const row = rows.get(group) ?? { keys: [], labels: [] };
      row.keys.push(...keysOf(carrier));
      if (group !== label) row.labels.push(label);
      rows.set(group, row);
    }
    if (rows.size) list.append(element("section", {}, element("h3", {}, place), tableOf(rows)));
  }
}

function tableOf(rows) {
  const table = element("table");
  for (const [group, { keys, labels }] of rows) {
    const heading = element("th", { scope: "row" });
    for (const key of keys) heading.append(element("kbd", {}, key), " ");
    const row = element("tr", {}, heading, element("td", {}, group, element("small", {}, labels.join(", "))));
    table.append(row);
  }
  return table;
}

function keysOf(carrier) {
  const keys = carrier.getAttribute("aria-keyshortcuts").split(" ");
  const fitting = keys.filter((key) => key.length === 1 || key.startsWith(onMac ? "Meta+" : "Control+"));
  const written = fitting.map((key) => key.replace("Meta+", "⌘ ").replace("Control+", "Ctrl "));
  return written.flatMap((key) => (key in SIGNS ? [key, SIGNS[key]] : [key]));
}

// Returns the label of a link or button, without its key and its count.
export function labelOf(carrier) {
  if (carrier.ariaLabel) return carrier.ariaLabel;
  const words = carrier.cloneNode(true);
  for (const other of words.querySelectorAll("[aria-hidden], .count, kbd")) other.remove();
  return words.textContent.replace(/\s+/g, " ").trim();
}
