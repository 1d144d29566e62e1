// A menu, or a question, closes when something is chosen in it, and when the attention goes elsewhere.

export function useMenus() {
  document.addEventListener("click", ({ target }) => {
    for (const menu of open()) if (!menu.contains(target) || target.closest("a")) menu.open = false;
  });
  document.addEventListener("keydown", ({ key }) => {
    if (key !== "Escape") return;
    for (const menu of open()) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
  });
  addEventListener("blur", () => open().forEach((menu) => (menu.open = false))); // into the mail
}

function open() {
  return [...document.querySelectorAll(".menu[open], .ask[open]")];
}
