// Asks before a page takes the place of an editor with changes that are not saved.

export function askBeforeLeaving(file, isChanged, forget) {
  const here = location.href;
  const stop = new AbortController();
  const options = { signal: stop.signal, capture: true };

  const mayLeave = () => {
    if (!isChanged()) return true;
    if (!confirm(`The changes to ${file} are not saved. Leave without them?`)) return false;
    forget();
    return true;
  };

  addEventListener("beforeunload", (event) => isChanged() && event.preventDefault(), options);
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[href]");
    const elsewhere = event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey;
    if (!link || elsewhere || link.target || link.hasAttribute("download") || link.origin !== location.origin) return;
    if (isSame(link.href, here) || mayLeave()) return;
    event.preventDefault();
    event.stopImmediatePropagation();
  }, options);
  // Registered in the capture phase of the window, before what draws the page that one goes back to.
  addEventListener("popstate", (event) => {
    if (isSame(location.href, here) || mayLeave()) return;
    event.stopImmediatePropagation();
    history.pushState(null, "", here);
  }, options);
  return { close: () => stop.abort() };
}

// Whether an address shows the same file in the editor, of the same mail in whatever view.
function isSame(address, here) {
  const [there, now] = [new URL(address), new URL(here)];
  const parts = ["show", "file", "mode"];
  return there.pathname === now.pathname && parts.every((part) => there.searchParams.get(part) === now.searchParams.get(part));
}
