// A button copies what it carries. Where the browser has no clipboard for this page, the text beside it is selected.

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
