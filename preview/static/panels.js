// Closes and opens the panels beside the mail. What is closed stays closed on all pages of the studio.

const KEY = "keyturn-closed-panels"; // the origin may be another app's, too
const closed = new Set();

export function usePanels() {
  try {
    for (const panel of (localStorage.getItem(KEY) ?? "").split(" ").filter(Boolean)) closed.add(panel);
  } catch {
    // As in keys.js.
  }
  for (const button of buttons()) button.addEventListener("click", () => toggle(button.dataset.panel));
  show();
}

export function openPanel(panel) {
  if (closed.has(panel)) toggle(panel);
}

function toggle(panel) {
  if (!closed.delete(panel)) closed.add(panel);
  show();
  try {
    localStorage.setItem(KEY, [...closed].join(" "));
  } catch {
    // As in keys.js.
  }
}

function show() {
  document.body.dataset.closed = [...closed].join(" ");
  for (const button of buttons()) button.ariaPressed = String(!closed.has(button.dataset.panel));
}

function buttons() {
  return document.querySelectorAll("[data-panel]");
}
