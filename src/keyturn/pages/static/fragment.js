// A link of the form /reset-password#token=...: its token goes into the cookie, as that of any other link does.

const open = () => {
  const said = new URLSearchParams(location.hash.slice(1));
  if (!said.get("token")) return;
  history.replaceState(null, "", location.pathname);
  const form = document.getElementById("from-fragment");
  form.elements.token.value = said.get("token");
  form.elements.email.value = said.get("email") ?? "";
  form.submit();
};

// A second link, opened in this tab, changes the fragment alone and loads nothing.
window.addEventListener("hashchange", open);
open();
