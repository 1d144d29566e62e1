// A key clicks the link that carries it in aria-keyshortcuts, so what a key does is what the page offers.

import { settled } from "./page.js";

const ARROWS = { ArrowDown: "j", ArrowUp: "k" };

let turn = Promise.resolve();

export function useKeys() {
  const dialog = document.getElementById("keys");
  const on = dialog.querySelector("[data-keys]");
  on.checked = localStorage.getItem("keys") !== "off";
  on.addEventListener("change", () => localStorage.setItem("keys", on.checked ? "on" : "off"));

  document.addEventListener("keydown", (event) => {
    const { key, target } = event;
    if (event.ctrlKey || event.metaKey || event.altKey || dialog.open || target.closest("input, select, textarea")) return;
    if (key in ARROWS ? target.closest(".canvas, .details") : !on.checked) return;
    if (key === "?") return dialog.showModal();
    if (!linkOf(ARROWS[key] ?? key)) return;
    event.preventDefault();
    turn = turn.then(() => follow(ARROWS[key] ?? key));
  });
}

// Keys that come faster than pages wait for each other: a link says what follows from the page it is on.
async function follow(key) {
  await settled();
  linkOf(key)?.click();
  await settled();
}

function linkOf(key) {
  return document.querySelector(`a[aria-keyshortcuts="${CSS.escape(key)}"]`);
}
