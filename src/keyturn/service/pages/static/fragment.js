// A link of the form /reset-password#token=...: its token goes into the cookie, as that of any other link does.

const open = () => {
  const said = new URLSearchParams(location.hash.slice(1));
  const form = document.getElementById("from-fragment");
  if (!said.get(form.dataset.token)) return;
  history.replaceState(null, "", location.pathname);
  form.elements.token.value = said.get(form.dataset.token);
  form.elements.email.value = said.get(form.dataset.email) ?? "";
  form.submit();
};

// A second link, opened in this tab, changes the fragment alone and loads nothing.
window.addEventListener("hashchange", open);
open();
