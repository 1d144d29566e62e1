// The link that somebody came with.

const TOKEN = /^(.*)\/([\w-]{43})\/?$/; // at the end of a path: 32 bytes in base64url

/**
 * Returns the link in the page's address, and takes it out of there: no history, no referrer and no screen shall keep
 * it (OWASP ASVS 14.2.1). It may be ?token=, #token= or the path's last part, with an email beside it.
 */
export const linkInAddress = () => {
  const address = new URL(location.href), query = address.searchParams;
  const fragment = new URLSearchParams(address.hash.slice(1));
  const [, path, last] = TOKEN.exec(address.pathname) ?? [];
  const token = query.get("token") || fragment.get("token") || last;
  if (!token) return undefined;
  const email = query.get("email") || fragment.get("email") || undefined;
  if (fragment.has("token")) address.hash = "";
  if (token === last) address.pathname = path || "/";
  query.delete("token");
  query.delete("email");
  history.replaceState(history.state, "", address);
  return { token, email };
};
