// Answers the challenge that a service sets before it mails a link: ALTCHA's puzzle, or a Turnstile or hCaptcha widget.

import { make } from "./making.js";
import { solve } from "./puzzle.js";

/** @type {Record<string, string>} */
const SCRIPTS = {
  turnstile: "https://challenges.cloudflare.com/turnstile/v0/api.js?render=explicit",
  hcaptcha: "https://js.hcaptcha.com/1/api.js?render=explicit&recaptchacompat=off",
};

/** @param {string} src */
const loadScript = (src) => new Promise((resolve, reject) => {
  document.head.append(make("script", { src, async: "", load: resolve, error: reject }));
});

/**
 * Shows the widget of Turnstile or hCaptcha in the page itself, since its script cannot reach into a shadow tree.
 * @param {import("../keyturn.js").Challenge} asked @param {HTMLElement} host
 */
const showWidget = async ({ method, siteKey, action }, host) => {
  const known = /** @type {Record<string, any>} */ (/** @type {unknown} */ (globalThis));
  if (!known[method]) await loadScript(SCRIPTS[method] ?? "");
  const box = make("div", { slot: "challenge" });
  // A light element holds its slot itself.
  (host.querySelector("slot[name=challenge]") ?? host).append(box);
  try {
    return await new Promise((resolve, reject) => {
      known[method].render(box, { sitekey: siteKey, action, callback: resolve, "error-callback": reject });
    });
  } finally {
    box.remove();
  }
};

/**
 * Returns the answer to a challenge, or undefined if this page cannot give one.
 * @param {import("../keyturn.js").Client} client @param {import("../keyturn.js").Challenge} asked @param {HTMLElement} host
 * @returns {Promise<string | undefined>}
 */
export const answerTo = async (client, asked, host) => {
  try {
    return await (asked.method === "altcha" ? solve(await client.challenge()) : showWidget(asked, host));
  } catch (cause) {
    console.error(`<${host.localName}>: the challenge (${asked.method}) failed on this page. The error below says why.`, cause);
    return undefined;
  }
};
