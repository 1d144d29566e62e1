// Finds faults of a mail that only a browser sees: overflow, overlaps, cut-off text, narrow columns, small targets, and
// images that shift the text. `check --browser` runs it. It has no imports, and restores every change that it makes to
// the mail.

const MOST_ELEMENTS = 6000;
const MOST_TEXTS = 3000;
const MOST_OF_A_KIND = 12;
const SLACK = 1.5; // px that rounding explains

let shown = new Map(); // whether an element is shown, kept for one measurement: many texts have the same ancestors

// Returns the faults of `page`, a document laid out at `width` px, with the keys of the elements at fault.
function measure(page, width) {
  shown = new Map();
  const elements = [...page.body.querySelectorAll("*")].slice(0, MOST_ELEMENTS);
  const texts = visibleTexts(page).slice(0, MOST_TEXTS);
  const found = [
    ...overflows(page, elements, width),
    ...cutOff(texts),
    ...overlaps(page, texts, elements),
    ...narrowColumns(texts),
    ...smallTargets(page),
    ...shiftingImages(elements),
    ...oversizedImages(elements),
  ];
  return { width, problems: found };
}

function* overflows(page, elements, width) {
  const root = page.scrollingElement ?? page.documentElement;
  if (root.scrollWidth - width <= SLACK) return;
  const wide = elements.filter((one) => sticksOut(one, width) && !sticksOut(one.parentElement, width) && !clippedAbove(one));
  for (const outer of wide.slice(0, MOST_OF_A_KIND)) {
    const cause = causeOf(outer, width);
    yield { kind: "overflow", key: keyOf(cause), says: excerpt(cause) };
  }
  if (!wide.length) yield { kind: "overflow", key: keyOf(page.body), says: "" };
}

// Finds the cause of an overflow: the element itself if it overflows without its children, else a child that overflows
// alone.
function causeOf(outer, width) {
  for (let element = outer; ; ) {
    const inner = [...element.children].filter((one) => sticksOut(one, width));
    if (!inner.length || without([...element.children], () => sticksOut(element, width))) return element;
    const alone = (one) => without([...element.children].filter((other) => other !== one), () => sticksOut(one, width));
    element = inner.slice(0, MOST_OF_A_KIND).find(alone) ?? inner[0];
  }
}

// Returns the result of `look` while some elements are hidden.
function without(elements, look) {
  const before = elements.map((one) => one.getAttribute("style"));
  for (const one of elements) one.style.setProperty("display", "none", "important");
  const seen = look();
  for (const [at, one] of elements.entries()) {
    if (before[at] === null) one.removeAttribute("style");
    else one.setAttribute("style", before[at]);
  }
  return seen;
}

function sticksOut(element, width) {
  if (!element?.parentElement) return false;
  const box = element.getBoundingClientRect();
  return box.width > 0 && box.height > 0 && (box.right > width + SLACK || box.left < -SLACK);
}

function clippedAbove(element) {
  for (let above = element.parentElement; above && above !== element.ownerDocument.body; above = above.parentElement) {
    if (getComputedStyle(above).overflowX !== "visible") return true;
  }
  return false;
}

function* cutOff(texts) {
  const told = new Set();
  for (const { element, boxes, text } of texts) {
    const cutter = cutterOf(element, boxes);
    if (!cutter || told.has(cutter) || told.size >= MOST_OF_A_KIND) continue;
    told.add(cutter);
    yield { kind: "text-cut-off", key: keyOf(element), by: keyOf(cutter), says: text };
  }
}

// Finds the element that cuts off half a line of a text or more.
function cutterOf(element, boxes) {
  for (let above = element; above && above !== above.ownerDocument.body; above = above.parentElement) {
    const { overflowX, overflowY, textOverflow, webkitLineClamp } = getComputedStyle(above);
    if (textOverflow === "ellipsis" || webkitLineClamp !== "none") continue; // an ellipsis shows the reader that text is missing
    if (overflowX !== "hidden" && overflowX !== "clip" && overflowY !== "hidden" && overflowY !== "clip") continue;
    const around = above.getBoundingClientRect();
    const cut = boxes.some(
      (box) => box.bottom - around.bottom > box.height / 2 || box.right - around.right > 4 || around.left - box.left > 4,
    );
    if (cut) return above;
  }
  const beyondReach = getComputedStyle(element.ownerDocument.body).direction === "ltr"; // right to left, the reader can scroll there
  return beyondReach && boxes.some((box) => box.left < -4 && box.right > 0) ? element : null;
}

// A column is too narrow if a text has four lines or more, and none is wider than two or three letters.
function* narrowColumns(texts) {
  const narrow = texts.filter(({ element, boxes }) => {
    const lines = new Set(boxes.map((box) => Math.round(box.top))).size;
    return lines >= 4 && Math.max(...boxes.map((box) => box.width)) < 2.5 * parseFloat(getComputedStyle(element).fontSize);
  });
  for (const { element, text } of narrow.slice(0, MOST_OF_A_KIND)) yield { kind: "narrow-column", key: keyOf(element), says: text };
}

function* overlaps(page, texts, elements) {
  const lines = texts.flatMap(({ element, boxes, text }) => boxes.map((box) => ({ element, box, text })));
  const images = elements.filter((one) => one.localName === "img" && isSeen(one));
  for (const image of images) lines.push({ element: image, box: image.getBoundingClientRect(), text: image.alt ?? "" });
  lines.sort((one, other) => one.box.top - other.box.top);
  const told = new Set();
  for (const [at, one] of lines.entries()) {
    for (let next = at + 1; next < lines.length && lines[next].box.top < one.box.bottom; next += 1) {
      const other = lines[next];
      if (!liesOver(one.box, other.box) || belongTogether(one, other)) continue;
      const pair = `${keyOf(one.element)} ${keyOf(other.element)}`;
      if (told.has(pair) || told.size >= MOST_OF_A_KIND) continue;
      told.add(pair);
      yield { kind: "overlap", key: keyOf(other.element), by: keyOf(one.element), says: other.text, over: one.text };
    }
  }
}

// Tells whether two boxes are pieces of one line, such as letters of two scripts, or one element contains the other.
function belongTogether({ element: one, box }, { element: other, box: { top } }) {
  return one === other ? top - box.top < 2 : one.contains(other) || other.contains(one);
}

// An overlap is two fifths of a line or more, and wider than a letter's edge. Tight lines touch and stay readable.
function liesOver(one, other) {
  const wide = Math.min(one.right, other.right) - Math.max(one.left, other.left);
  const tall = Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top);
  return wide > 3 && tall > Math.min(one.height, other.height) * 0.4;
}

// WCAG 2.2, 2.5.8: a target has 24 by 24 px. Exceptions are targets in a sentence, and targets whose circle of 24 px
// touches no other target.
function* smallTargets(page) {
  const targets = [...page.querySelectorAll("a[href], button, input, select, textarea, summary")].filter(isSeen);
  const boxes = targets.map(boxOf);
  let told = 0;
  for (const [at, box] of boxes.entries()) {
    const small = box.width < 24 - 0.5 || box.height < 24 - 0.5;
    if (!small || told >= MOST_OF_A_KIND || standsInSentence(targets[at])) continue;
    const near = boxes.findIndex((other, index) => index !== at && targets[index].href !== targets[at].href && meets(box, other));
    if (near < 0) continue;
    told += 1;
    const size = box.height < 24 ? `${Math.round(box.height)} px high` : `${Math.round(box.width)} px wide`;
    yield { kind: "small-target", key: keyOf(targets[at]), says: nameOf(targets[at]), size, over: nameOf(targets[near]) };
  }
}

function meets(box, other) {
  const [x, y] = [(box.left + box.right) / 2, (box.top + box.bottom) / 2];
  const small = other.width < 24 || other.height < 24;
  if (small && Math.hypot(x - (other.left + other.right) / 2, y - (other.top + other.bottom) / 2) < 24) return true;
  const [dx, dy] = [Math.max(other.left - x, 0, x - other.right), Math.max(other.top - y, 0, y - other.bottom)];
  return Math.hypot(dx, dy) < 12;
}

// A link's own box is one line high even around an image, so this includes the boxes of its descendants.
function boxOf(target) {
  const boxes = [target, ...target.querySelectorAll("*")].map((one) => one.getBoundingClientRect()).filter((box) => box.width);
  const [left, top] = [Math.min(...boxes.map((box) => box.left)), Math.min(...boxes.map((box) => box.top))];
  const [end, bottom] = [Math.max(...boxes.map((box) => box.right)), Math.max(...boxes.map((box) => box.bottom))];
  return { left, top, right: end, bottom, width: end - left, height: bottom - top };
}

function standsInSentence(target) {
  if (!getComputedStyle(target).display.startsWith("inline") || getComputedStyle(target).display !== "inline") return false;
  let block = target.parentElement;
  while (block && getComputedStyle(block).display === "inline") block = block.parentElement;
  if (!block) return false;
  const copy = block.cloneNode(true);
  for (const link of copy.querySelectorAll("a, button")) link.remove();
  return /\p{L}{2}/u.test(copy.textContent);
}

// Until an image has loaded, only its width and height reserve space for it.
function* shiftingImages(elements) {
  let told = 0;
  for (const image of elements) {
    if (image.localName !== "img" || !isSeen(image) || told >= MOST_OF_A_KIND) continue;
    const [width, height] = ["width", "height"].map((name) => Number(image.getAttribute(name)) > 0);
    const styled = /(?:^|;)\s*height\s*:\s*[\d.]+(?:px|em|rem|pt)/i.test(image.getAttribute("style") ?? "");
    if (styled || (width && height)) continue;
    told += 1;
    yield { kind: "image-shifts", key: keyOf(image), says: image.alt || lastOf(image.getAttribute("src")) };
  }
}

function* oversizedImages(elements) {
  let told = 0;
  for (const image of elements) {
    if (image.localName !== "img" || !isSeen(image) || told >= MOST_OF_A_KIND) continue;
    const { width } = image.getBoundingClientRect();
    if (image.naturalWidth < 600 || image.naturalWidth <= 3 * width) continue;
    told += 1;
    yield { kind: "oversized-image", key: keyOf(image), size: `${image.naturalWidth} px`, says: image.alt || lastOf(image.getAttribute("src")) };
  }
}

// Returns each visible text with the boxes of its lines.
function visibleTexts(page) {
  const walker = page.createTreeWalker(page.body, NodeFilter.SHOW_TEXT);
  const range = page.createRange();
  const texts = [];
  while (texts.length < MOST_TEXTS && walker.nextNode()) {
    const { currentNode: node } = walker;
    const element = node.parentElement;
    if (!/[\p{L}\p{N}]/u.test(node.data) || !isSeen(element)) continue;
    range.selectNodeContents(node);
    const boxes = [...range.getClientRects()].filter((box) => box.width > 1 && box.height > 1);
    if (boxes.length) texts.push({ element, boxes, text: short(node.data) });
  }
  return texts;
}

// Tells whether an element is visible. A text hidden on purpose, such as a preheader, does not count as cut off.
function isSeen(element) {
  if (!isShown(element)) return false;
  const { visibility, fontSize } = getComputedStyle(element);
  const box = element.getBoundingClientRect();
  return visibility === "visible" && parseFloat(fontSize) > 1 && box.width > 0 && box.height > 0;
}

function isShown(element) {
  if (!element) return true;
  if (!shown.has(element)) shown.set(element, !isHidden(element) && isShown(element.parentElement));
  return shown.get(element);
}

function isHidden(element) {
  const { display, opacity, maxHeight, overflowX, overflowY, clip } = getComputedStyle(element);
  if (display === "none" || Number(opacity) === 0 || clip === "rect(0px, 0px, 0px, 0px)") return true;
  const shuts = display !== "inline" && (overflowX !== "visible" || overflowY !== "visible");
  return shuts && (parseFloat(maxHeight) <= 1 || element.clientHeight <= 1 || element.clientWidth <= 1);
}

// Returns the studio's key for the source of an element: its own tag, else the tag that rendered it.
function keyOf(element) {
  for (let one = element; one; one = one.parentElement) {
    if (one.dataset.keyturn) return one.dataset.keyturn;
    const drawn = [...one.classList].find((name) => /^kt-\d+$/.test(name));
    if (drawn) return drawn;
  }
  return "";
}

function excerpt(element) {
  return element.localName === "img" ? element.alt || lastOf(element.getAttribute("src")) : short(element.textContent);
}

function nameOf(target) {
  return short(target.textContent) || target.querySelector("img")?.alt || short(target.getAttribute("href") ?? "");
}

function lastOf(address) {
  return address?.startsWith("data:") ? "" : short((address ?? "").split(/[?#]/)[0].split("/").at(-1));
}

function short(text) {
  const line = text.replace(/\s+/g, " ").trim();
  return line.length > 48 ? `${line.slice(0, 47)}…` : line;
}
