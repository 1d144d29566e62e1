// A key clicks the element that names it in aria-keyshortcuts. The palette lists those elements.

import { main, settled } from "./page.js";

const ARROWS = { ArrowDown: "j", ArrowUp: "k" };
const SIGNS = { j: "↓", k: "↑" };
const onMac = /mac|iphone|ipad/i.test(navigator.userAgentData?.platform ?? navigator.platform);

let turn = Promise.resolve();

export function useKeys() {
  const on = document.querySelector("[data-keys]");
  try {
    on.checked = localStorage.getItem("keys") !== "off";
    on.addEventListener("change", () => localStorage.setItem("keys", on.checked ? "on" : "off"));
  } catch {
    // A browser may keep nothing, as in a frame of another site: then a choice counts until the page is closed.
  }
  for (const sign of onMac ? document.querySelectorAll("[data-modifier]") : []) sign.textContent = "⌘";

  document.addEventListener("keydown", (event) => {
    const { key, target } = event;
    if (document.querySelector("dialog[open]") || event.altKey || event.defaultPrevented) return;
    const held = event.ctrlKey ? "Control+" : event.metaKey ? "Meta+" : "";
    const typing = target.closest("input:not([type=checkbox], [type=radio], [type=range]), select, textarea, [contenteditable]");
    if (!held && (typing || (key in ARROWS ? target.closest(".canvas, .details") : !on.checked))) return;
    const name = held ? held + key.toUpperCase() : (ARROWS[key] ?? key);
    const carrier = carrierOf(name);
    if (!carrier) return;
    event.preventDefault();
    const moves = main.ariaBusy === "true";
    const decides = carrier.form?.method === "post"; // on the page that the person sees, and once a press
    if (decides ? event.repeat || moves : event.repeat && moves) return;
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

// The nearest to the focus: an editor and the form of the data beside it each have a button that saves.
function carrierOf(key) {
  const carrier = `[aria-keyshortcuts~="${CSS.escape(key)}"]`;
  return document.activeElement.closest("form, main, .details")?.querySelector(carrier) ?? document.querySelector(carrier);
}

// The keys of a link or button, as people write them.
export function keysOf(carrier) {
  const keys = carrier.getAttribute("aria-keyshortcuts")?.split(" ") ?? [];
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
