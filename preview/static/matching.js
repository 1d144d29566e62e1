// Matches names against a search, with a score and letters.

const STRETCH = 5;

// Returns null if the name does not contain every word of the search, whole or with letters left out. A word with letters
// left out must begin with the first letter of a part of the name, and its last letter must be near.
export function match(find, name) {
  const low = name.toLowerCase();
  const letters = new Set();
  let score = -low.length / 20;
  for (const word of find.toLowerCase().split(/\s+/).filter(Boolean)) {
    const found = whole(word, low) ?? inOrder(word, low);
    if (!found) return null;
    found.letters.forEach((letter) => letters.add(letter));
    score += found.score;
  }
  return { score, letters };
}

function whole(word, name) {
  const starts = partsOf(name);
  const at = starts.find((start) => name.startsWith(word, start)) ?? name.indexOf(word);
  if (at < 0) return null;
  const letters = Array.from(word, (_, offset) => at + offset);
  return { letters, score: starts.includes(at) ? 100 : 60 };
}

function inOrder(word, name) {
  for (const start of partsOf(name)) {
    const letters = [];
    const near = name.slice(0, start + STRETCH * word.length);
    let at = start;
    for (const letter of word) {
      at = near.indexOf(letter, at);
      if (at < 0 || (letters.length === 0 && at !== start)) break;
      letters.push(at++);
    }
    if (letters.length === word.length) return { letters, score: 40 - (at - start - word.length) };
  }
  return null;
}

function partsOf(name) {
  return Array.from(name.matchAll(/(?<![\p{L}\p{N}])[\p{L}\p{N}]/gu), (part) => part.index);
}
