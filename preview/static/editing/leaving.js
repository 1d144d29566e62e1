// Asks for confirmation before another page replaces an editor with unsaved changes.

export function askBeforeLeaving(file, isChanged, forget) {
  const here = location.href;
  const stop = new AbortController();
  const options = { signal: stop.signal, capture: true };

  const mayLeave = () => {
    if (!isChanged()) return true;
    if (!confirm(`Your changes to ${file} are not saved. Leave without saving?`)) return false;
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
  // The capture phase of the window comes before the listener that loads the page of the Back key.
  addEventListener("popstate", (event) => {
    if (isSame(location.href, here) || mayLeave()) return;
    event.stopImmediatePropagation();
    history.pushState(null, "", here);
  }, options);
  return { close: () => stop.abort() };
}

// Tells whether two addresses show the same file of the same mail in the editor, in any view.
function isSame(address, here) {
  const [there, now] = [new URL(address), new URL(here)];
  const parts = ["show", "file", "mode"];
  return there.pathname === now.pathname && parts.every((part) => there.searchParams.get(part) === now.searchParams.get(part));
}
