// Answers the challenge that a service sets before it mails a link: ALTCHA's puzzle, or a Turnstile or hCaptcha widget.

import { make } from "./making.js";

const AT_ONCE = 8;
/** @type {Record<string, string>} */
const SCRIPTS = {
  turnstile: "https://challenges.cloudflare.com/turnstile/v0/api.js?render=explicit",
  hcaptcha: "https://js.hcaptcha.com/1/api.js?render=explicit&recaptchacompat=off",
};

/** @param {string} hex */
const fromHex = (hex) => Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16));
/** @param {ArrayBuffer} buffer */
const toHex = (buffer) => [...new Uint8Array(buffer)].map((byte) => byte.toString(16).padStart(2, "0")).join("");

/**
 * Solves ALTCHA's puzzle: finds the number whose key starts with the prefix. WebCrypto works outside this thread.
 * @param {import("../keyturn.js").Challenge} puzzle
 */
const solve = async ({ parameters, signature }) => {
  const { nonce, salt, cost, keyLength, keyPrefix } = /** @type {Record<string, any>} */ (parameters);
  const start = fromHex(nonce), how = { name: "PBKDF2", hash: "SHA-256", salt: fromHex(salt), iterations: cost };
  const derive = async (/** @type {number} */ counter) => {
    const password = new Uint8Array(start.length + 4);
    password.set(start);
    new DataView(password.buffer).setUint32(start.length, counter);
    const key = await crypto.subtle.importKey("raw", password, "PBKDF2", false, ["deriveBits"]);
    return { counter, derivedKey: toHex(await crypto.subtle.deriveBits(how, key, keyLength * 8)) };
  };
  for (let first = 0; ; first += AT_ONCE) {
    const tried = await Promise.all(Array.from({ length: AT_ONCE }, (_, nth) => derive(first + nth)));
    const solution = tried.find(({ derivedKey }) => derivedKey.startsWith(keyPrefix));
    if (solution) return btoa(JSON.stringify({ challenge: { parameters, signature }, solution }));
  }
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
  (host.querySelector("slot[name=challenge]") ?? host).append(box); // a light element holds its slot itself
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
