// Closes a menu or a question after a choice in it, and when the user turns to another place. Buttons copy a text; if the
// browser denies the clipboard, the click selects the text beside the button.

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

export function useCopying() {
  document.addEventListener("click", async ({ target }) => {
    const button = target.closest("[data-copy]");
    if (!button) return;
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
      button.textContent = button.dataset.copied;
    } catch {
      getSelection().selectAllChildren(button.parentElement.querySelector("code"));
    }
  });
}
