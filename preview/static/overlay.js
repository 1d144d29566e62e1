// Finds what is seen in a mail and differs from the mail before. `keyturn diff` runs `parts` in the old mail, and `marks`
// in the new one. It has no imports. What only moved up or down is no difference: a new line moves all below it.

const MOST_PARTS = 1500;
const REACH = 5; // pixels around a mark, so that it frames what differs
const NEAR = 20; // pixels between two parts that share a mark

// Returns what is seen: texts, images, and elements with a ground or a border, in their order.
export function parts() {
  const found = [];
  const blocks = new Map();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_ELEMENT | NodeFilter.SHOW_TEXT);
  for (let node = document.body; node && found.length < MOST_PARTS; node = walker.nextNode()) {
    const element = node.nodeType === Node.TEXT_NODE ? node.parentElement : node;
    if (!element.checkVisibility({ opacityProperty: true, visibilityProperty: true })) continue;
    if (element !== node) addText(found, blocks, node, element);
    else if (element.tagName === "IMG") found.push(part("image", element, label(element)));
    else if (ground(element)) found.push(part(element.hasChildNodes() ? "ground" : "rule", element, `${element.tagName}|${ground(element)}`));
  }
  return found.filter(({ box: [top, bottom, left, right] }) => bottom - top >= 1 && right - left > 1);
}

// Adds a text to that of its block. An element with a ground of its own, such as a button, is marked as a whole.
function addText(found, blocks, text, element) {
  const range = document.createRange();
  range.selectNodeContents(text);
  const box = boxOf(range);
  if (!text.data.trim() || box[1] - box[0] < 4) return;
  let block = element;
  while (getComputedStyle(block).display === "inline" && block.parentElement) block = block.parentElement;
  if (block.clientHeight <= 1) return; // a preheader
  if (!blocks.has(block)) {
    const whole = ground(block) || getComputedStyle(block).display === "inline-block";
    blocks.set(block, { ...part("text", block, ""), box: whole ? boxOf(block) : box });
    found.push(blocks.get(block));
  }
  const { color, fontFamily, fontSize, fontStyle, fontWeight, letterSpacing, lineHeight, textDecorationLine, textTransform } =
    getComputedStyle(element);
  const style = [color, fontFamily, fontSize, fontStyle, fontWeight, letterSpacing, lineHeight, textDecorationLine, textTransform];
  const of = blocks.get(block);
  of.sign += `${text.data.replace(/\s+/g, " ")}|${style}|`;
  of.box = union(of.box, box);
}

function part(kind, element, sign) {
  const box = boxOf(element);
  const size = ["image", "rule"].includes(kind) ? [box[1] - box[0], box[3] - box[2]].map(Math.round) : [];
  return { kind, sign: [kind, Math.round(box[2]), ...size, sign].join("|"), box };
}

function label(image) {
  return `${image.dataset.file ?? image.getAttribute("src")}|${image.alt}`;
}

// Returns how the ground and the border of an element look; an empty text for an element without either.
function ground(element) {
  const style = getComputedStyle(element);
  const colour = style.backgroundColor === "rgba(0, 0, 0, 0)" ? "" : style.backgroundColor;
  const picture = style.backgroundImage === "none" ? "" : style.backgroundImage;
  const sides = ["Top", "Right", "Bottom", "Left"];
  const border = sides.map((side) => (parseFloat(style[`border${side}Width`]) ? style[`border${side}`] : "")).join("");
  return colour || picture || border ? [colour, picture, border, style.borderRadius].join("|") : "";
}

function boxOf(one) {
  const { top, bottom, left, right } = one.getBoundingClientRect();
  return [top + scrollY, bottom + scrollY, left, right];
}

function union(one, other) {
  return one.map((edge, at) => (at % 2 ? Math.max : Math.min)(edge, other[at]));
}

// Returns the marks on the new mail: "changed" around what is new or differs, "removed" where something was left out.
// `old`: the parts of the old mail.
export function marks(old) {
  const now = parts();
  const [changed, removed] = [[], []];
  for (const [olds, news, above, below] of changes(old, now)) {
    changed.push(...news);
    const left = missing(olds, news);
    if (left.length) removed.push(gap(left.map(({ box }) => box).reduce(union), above?.box, (news[0] ?? below)?.box));
  }
  const [width, height] = [document.documentElement.clientWidth, document.documentElement.getBoundingClientRect().height];
  const within = ([top, bottom, left, right]) =>
    [Math.max(top, 0), Math.min(bottom, height), Math.max(left, 0), Math.min(right, width)].map(Math.round);
  const around = ([top, bottom, left, right]) => within([top - REACH, bottom + REACH, left - REACH, right + REACH]);
  return [
    ...merged(changed.map(({ box }) => box)).map((box) => ["changed", ...around(box)]),
    ...removed.map((line) => ["removed", ...within(line)]),
  ];
}

// Returns the old parts without a new one of their kind: the rest was replaced. What stands on a ground says more than it.
function missing(olds, news) {
  const taken = news.map(({ kind }) => kind);
  return olds.filter(({ kind }) => {
    const at = taken.indexOf(kind);
    if (at >= 0) taken.splice(at, 1);
    return at < 0 && kind !== "ground";
  });
}

// Returns a line as wide as what was left out, between its neighbours. The one above may be the ground of the other.
function gap([, , left, right], above, below) {
  const meets = (box) => box && box[2] < right && left < box[3];
  const from = meets(above) ? above[below?.[0] < above[1] ? 0 : 1] : meets(below) ? Math.max(below[0] - 2 * REACH, 0) : (above?.[1] ?? 0);
  const to = meets(below) && below[0] > from ? below[0] : from + 2 * REACH;
  const middle = Math.round((from + to) / 2);
  return [middle - 1, middle + 2, left, right];
}

function merged(boxes) {
  const found = [];
  for (let box of boxes) {
    for (let at; (at = found.findIndex((one) => areNear(one, box))) >= 0; ) box = union(box, found.splice(at, 1)[0]);
    found.push(box);
  }
  return found;
}

function areNear(one, other) {
  return one.every((edge, at) => (at % 2 ? edge + NEAR > other[at - 1] : edge < other[at + 1] + NEAR));
}

// Returns for each change the old parts, the new ones, and the equal parts of the new mail above and below it.
function changes(old, now) {
  const lengths = longest(old, now);
  const found = [];
  let [y, x, fromY, fromX] = [0, 0, 0, 0];
  const close = () => (y > fromY || x > fromX) && found.push([old.slice(fromY, y), now.slice(fromX, x), now[fromX - 1], now[x]]);
  while (y < old.length && x < now.length) {
    if (old[y].sign === now[x].sign) {
      close();
      [fromY, fromX] = [++y, ++x];
    } else if (lengths[y + 1][x] >= lengths[y][x + 1]) y++;
    else x++;
  }
  [y, x] = [old.length, now.length];
  close();
  return found;
}

// Returns the lengths of the longest common subsequences of the ends of both lists.
function longest(old, now) {
  const lengths = Array.from({ length: old.length + 1 }, () => new Uint16Array(now.length + 1));
  for (let y = old.length - 1; y >= 0; y--) {
    for (let x = now.length - 1; x >= 0; x--) {
      const [here, below] = [lengths[y], lengths[y + 1]];
      here[x] = old[y].sign === now[x].sign ? below[x + 1] + 1 : Math.max(below[x], here[x + 1]);
    }
  }
  return lengths;
}
