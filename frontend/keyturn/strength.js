// A modest guess from length and variety, for elements and hosted pages. It knows no dictionary.

const classes = /** @type {const} */ ([[/[a-z]/, 26], [/[A-Z]/, 26], [/[0-9]/, 10], [/[^A-Za-z0-9]/, 33]]);
const levels = [40, 60, 80];

/**
 * Estimates the strength from 1 (weak) to 4 (strong) in bits. A repeated or consecutive character counts a quarter.
 * @param {string} password
 */
export const strengthOf = (password) => {
  const points = [...password].map((character) => character.codePointAt(0) ?? 0);
  const alphabet = classes.reduce((sum, [pattern, size]) => sum + (pattern.test(password) ? size : 0), 0);
  const near = (/** @type {number} */ point, /** @type {number} */ at) => Math.abs(point - (points[at - 1] ?? -9)) <= 1;
  const length = points.reduce((sum, point, at) => sum + (near(point, at) ? 0.25 : 1), 0);
  const variety = Math.min(1, new Set(points).size / Math.min(points.length, 10));
  const bits = length * variety * Math.log2(alphabet);
  return 1 + levels.filter((level) => bits >= level).length;
};
