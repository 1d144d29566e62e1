// Takes a link of the form /reset-password#token=...: its token goes into the cookie, like that of any other link.

const open = () => {
  const said = new URLSearchParams(location.hash.slice(1));
  const form = document.getElementById("from-fragment");
  if (!said.get(form.dataset.token)) return;
  history.replaceState(null, "", location.pathname);
  form.elements.token.value = said.get(form.dataset.token);
  form.elements.email.value = said.get(form.dataset.email) ?? "";
  form.submit();
};

// A second link that opens in this tab changes only the fragment, and loads nothing.
window.addEventListener("hashchange", open);
open();
