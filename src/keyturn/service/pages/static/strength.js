// A modest guess from length and variety. It knows no dictionary and says so by calling itself rough.

const classes = [[/[a-z]/, 26], [/[A-Z]/, 26], [/[0-9]/, 10], [/[^A-Za-z0-9]/, 33]];
const levels = [40, 60, 80];

/** From 1, weak, to 4, strong: bits, where a repeated or consecutive character counts for a quarter. */
export function strength(password) {
  const points = [...password].map((character) => character.codePointAt(0));
  const alphabet = classes.reduce((sum, [pattern, size]) => sum + (pattern.test(password) ? size : 0), 0);
  const length = points.reduce((sum, point, at) => sum + (at && Math.abs(point - points[at - 1]) <= 1 ? 0.25 : 1), 0);
  const variety = Math.min(1, new Set(points).size / Math.min(points.length, 10));
  const bits = length * variety * Math.log2(alphabet);
  return 1 + levels.filter((level) => bits >= level).length;
}
