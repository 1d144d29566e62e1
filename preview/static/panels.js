// Closes and opens the panels beside the mail. What is closed stays closed on all pages of the studio.

const closed = new Set(JSON.parse(localStorage.getItem("closed") ?? "[]"));

export function usePanels() {
  show();
  for (const button of buttons()) button.addEventListener("click", () => toggle(button.dataset.panel));
}

function toggle(panel) {
  closed[closed.has(panel) ? "delete" : "add"](panel);
  localStorage.setItem("closed", JSON.stringify([...closed]));
  show();
}

function show() {
  document.body.dataset.closed = [...closed].join(" ");
  for (const button of buttons()) button.ariaPressed = String(!closed.has(button.dataset.panel));
}

function buttons() {
  return document.querySelectorAll("[data-panel]");
}
