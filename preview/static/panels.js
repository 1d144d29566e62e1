// Closes and opens the panels beside the mail. What is closed stays closed on all pages of the studio.

import { keep, kept } from "./kept.js";

const KEY = "keyturn-closed-panels"; // the origin may be another app's, too
const closed = new Set((kept(KEY) ?? "").split(" ").filter(Boolean));

export function usePanels() {
  show();
  for (const button of buttons()) button.addEventListener("click", () => toggle(button.dataset.panel));
}

export function openPanel(panel) {
  if (closed.has(panel)) toggle(panel);
}

function toggle(panel) {
  closed[closed.has(panel) ? "delete" : "add"](panel);
  keep(KEY, [...closed].join(" "));
  show();
}

function show() {
  document.body.dataset.closed = [...closed].join(" ");
  for (const button of buttons()) button.ariaPressed = String(!closed.has(button.dataset.panel));
}

function buttons() {
  return document.querySelectorAll("[data-panel]");
}
