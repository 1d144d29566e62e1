// Closes a menu or a question after a choice in it, and when the user turns to another place.

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
  addEventListener("blur", () => open().forEach((menu) => (menu.open = false))); // the focus moved into the mail
}

function open() {
  return [...document.querySelectorAll(".menu[open], .ask[open]")];
}
