// Describes in words how two renderings of a mail differ in layout.

// Returns a text such as "24 px taller, 3 texts moved, 1 new", or "nothing moved" if at most colours or images differ.
export function compareLayouts(before, after) {
  const [old, now] = [textsOf(before), textsOf(after)];
  const taller = Math.round(heightOf(after) - heightOf(before));
  const kept = [...now].filter(([text]) => old.has(text));
  const moved = kept.filter(([text, box]) => isElsewhere(box, old.get(text))).length;
  const [fresh, gone] = [now.size - kept.length, old.size - kept.length];
  const parts = [
    taller && `${Math.abs(taller)} px ${taller > 0 ? "taller" : "shorter"}`,
    moved && `${moved} ${moved === 1 ? "text" : "texts"} moved`,
    fresh && `${fresh} new`,
    gone && `${gone} gone`,
  ];
  return parts.filter(Boolean).join(", ") || "nothing moved";
}

// Returns each visible text with its box. A repeated text gets its number as well.
function textsOf(page) {
  const walker = page.createTreeWalker(page.body, NodeFilter.SHOW_TEXT);
  const range = page.createRange();
  const [texts, counts] = [new Map(), new Map()];
  while (texts.size < 5000 && walker.nextNode()) {
    const words = walker.currentNode.data.replace(/\s+/g, " ").trim();
    range.selectNodeContents(walker.currentNode);
    const box = range.getBoundingClientRect();
    if (!words || !box.width) continue;
    const count = (counts.get(words) ?? 0) + 1;
    counts.set(words, count);
    texts.set(count > 1 ? `${words}\n${count}` : words, box);
  }
  return texts;
}

function isElsewhere(one, other) {
  return Math.abs(one.left - other.left) > 1 || Math.abs(one.top - other.top) > 1;
}

function heightOf(page) {
  return page.body.getBoundingClientRect().height;
}
