// Solves ALTCHA's puzzle, for elements and hosted pages.

const AT_ONCE = 8;

/** @param {string} hex */
const fromHex = (hex) => Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16));
/** @param {ArrayBuffer} buffer */
const toHex = (buffer) => [...new Uint8Array(buffer)].map((byte) => byte.toString(16).padStart(2, "0")).join("");

/**
 * Solves ALTCHA's puzzle: finds the number whose key starts with the prefix. WebCrypto works outside this thread.
 * @param {import("../keyturn.js").Challenge} puzzle
 */
export const solve = async ({ parameters, signature }) => {
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
