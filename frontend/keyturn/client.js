// A client of the API. Each call returns the API's response, or throws a KeyturnError.

export const PROBLEM = "urn:keyturn:problem:";
// The longest wait for a response, in milliseconds.
const PATIENCE = 20_000;

/** A problem document that Keyturn returned (RFC 9457), or the lack of a response from Keyturn. */
export class KeyturnError extends Error {
  /** @param {Partial<import("../keyturn.js").Problem>} problem @param {ErrorOptions} [options] */
  constructor({ type = "about:blank", status = 0, title = "", detail = "", ...members }, options) {
    super(detail || title, options);
    Object.assign(this, { violations: [], errors: [] }, members, { name: "KeyturnError", type, status, title, detail });
  }
}

/** @param {import("../keyturn.js").ClientOptions} [options] @returns {import("../keyturn.js").Client} */
export function createClient({ url = "", path = "/api/auth", language = "" } = {}) {
  const below = (/** @type {string} */ place) => url.replace(/^(.*[^/])?\/*$/s, "$1") + `/${place}/`.replace(/\/{2,}/g, "/");
  const root = below(path);

  /** @param {string} name @param {object} [body] */
  const call = async (name, body, from = root) => {
    try {
      const answer = await fetch(from + name, {
        method: body ? "POST" : "GET",
        headers: {
          ...(language && { "Accept-Language": language }),
          ...(body && { "Content-Type": "application/json" }),
        },
        body: body && JSON.stringify(body),
        // A redirect would send the token and the password to another address.
        redirect: "error",
        referrerPolicy: "no-referrer",
        signal: AbortSignal.timeout?.(PATIENCE),
      });
      const said = await answer.json();
      if (answer.ok) return said;
      throw new KeyturnError({ status: answer.status, ...said });
    } catch (cause) {
      if (cause instanceof KeyturnError) throw cause;
      throw new KeyturnError({ type: `${PROBLEM}unreachable`, title: `Keyturn does not answer at ${from}` }, { cause });
    }
  };

  return {
    requestReset: (email, more = {}) => call("request-password-reset", { email, ...more }),
    challenge: () => call("challenge"),
    verifyCode: (email, code) => call("verify-reset-code", { email, code }),
    validate: (token, { email } = {}) => call("validate-reset-token", { token, email }),
    replaceExpired: (token, { challenge } = {}) => call("replace-expired-link", { token, challenge }),
    check: (token, password, { email } = {}) => call("check-password", { token, password, email }),
    reset: (token, newPassword, more = {}) => call("reset-password", { token, newPassword, ...more }),
    secureAccount: (token) => call("secure-account", { token }),
    // Sessions have this fixed path, which `path` does not change.
    changePassword: (currentPassword, newPassword) =>
      call("change-password", { currentPassword, newPassword }, below("/api/auth")),
    policy: () => call("password-policy"),
    texts: (lang) => call(`texts?lang=${encodeURIComponent(lang)}`),
  };
}
