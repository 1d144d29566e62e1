// The reset link in the page's address.

const TOKEN = /^(.*)\/([\w-]{43})\/?$/; // at the end of a path: 32 bytes in base64url

/**
 * Returns the link's token and email, and removes them from the address, so that the history, referrers and the screen
 * do not keep them (OWASP ASVS 14.2.1). The token is in ?token=, in #token= or in the last part of the path.
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
