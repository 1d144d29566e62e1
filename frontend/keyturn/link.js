// The reset link in the page's address.

// At the end of a path: 32 bytes in base64url, and the signs of a sentence that a mail app took for a part of the link.
const TOKEN = /^(.*)\/([\w-]{43})[.,;:!?)\]}>'"*]*\/?$/;
// The path and the query of a router that keeps them in the fragment.
const ROUTE = /^(!?\/[^?]*)\??(.*)$/;

/**
 * Returns the link's token and email, and removes them from the address, so that the history, referrers and the screen
 * do not keep them (OWASP ASVS 14.2.1). The token is in ?token=, in #token= or in the last part of the path; the path and
 * the query may be in the fragment.
 */
export const linkInAddress = () => {
  const address = new URL(location.href), query = address.searchParams;
  const hash = address.hash.slice(1), [, route, routeQuery] = ROUTE.exec(hash) ?? [];
  const fragment = new URLSearchParams(routeQuery ?? hash);
  const [, path, last] = TOKEN.exec(route ?? address.pathname) ?? [];
  const token = query.get("token") || fragment.get("token") || last;
  if (!token) return undefined;
  const email = query.get("email") || fragment.get("email") || undefined;
  if (fragment.has("token")) address.hash = route ?? "";
  if (token === last && route === undefined) address.pathname = path || "/";
  if (token === last && route !== undefined) address.hash = path || "/";
  query.delete("token");
  query.delete("email");
  history.replaceState(history.state, "", address);
  return { token, email };
};
