// Marks, on the picture of the new mail, where it differs from the old one. `keyturn diff` runs this in a page that has
// both pictures. They are aligned first, so that a new line of text does not mark all that it moved.

const REACH = 4; // pixels around a mark, so that it frames what differs
const FLAT = 4; // equal rows that part one line of text from the next

export async function overlay() {
  const [old, new_] = await Promise.all([...document.images].map(pixels));
  document.images[0].remove();
  for (const [top, bottom, oldTop, oldBottom] of changes(old.bands, new_.bands)) {
    const alike = bottom > top && bottom - top === oldBottom - oldTop;
    const box = alike ? differing(old, new_, top, bottom, oldTop) : [...withoutSpace(new_.rows, top, bottom), 0, new_.width];
    const mark = document.body.appendChild(document.createElement("div"));
    mark.className = bottom > top ? "changed" : "removed";
    mark.style.cssText = `top:${box[0] - REACH}px;height:${box[1] - box[0] + 2 * REACH}px;left:${box[2] - REACH}px;width:${box[3] - box[2] + 2 * REACH}px`;
  }
}

async function pixels(image) {
  await image.decode();
  const { naturalWidth: width, naturalHeight: height } = image;
  const context = new OffscreenCanvas(width, height).getContext("2d");
  context.drawImage(image, 0, 0);
  const data = new Uint32Array(context.getImageData(0, 0, width, height).data.buffer);
  const rows = Array.from({ length: height }, (_, row) => digest(data.subarray(row * width, (row + 1) * width)));
  return { width, data, rows, bands: bandsOf(rows) };
}

function digest(numbers) {
  return numbers.reduce((sum, number) => Math.imul(sum ^ number, 0x01000193) ^ (sum >>> 15), 0x811c9dc5);
}

// Returns bands of rows, alternately what is drawn and the space between: its first row, and the digest of its rows.
function bandsOf(rows) {
  const starts = [];
  let wasFlat = null;
  for (let row = 0; row < rows.length; ) {
    let end = row + 1;
    while (rows[end] === rows[row] && end < rows.length) end++;
    const flat = end - row >= FLAT;
    if (flat || wasFlat !== false) starts.push(row);
    wasFlat = flat;
    row = end;
  }
  const bands = starts.map((start, at) => ({ start, digest: digest(rows.slice(start, starts[at + 1])) }));
  return [...bands, { start: rows.length, digest: NaN }]; // the end equals nothing
}

// Returns the first row of each change, and the one behind it: of the new picture, then of the old one.
function changes(old, new_) {
  const wide = new_.length;
  const table = longest(old, new_);
  const found = [];
  let [y, x, fromY, fromX] = [0, 0, 0, 0];
  const close = () => (y > fromY || x > fromX) && found.push([new_[fromX].start, new_[x].start, old[fromY].start, old[y].start]);
  while (y < old.length - 1 && x < wide - 1) {
    if (old[y].digest === new_[x].digest) {
      close();
      [fromY, fromX] = [++y, ++x];
    } else if (table[(y + 1) * wide + x] >= table[y * wide + x + 1]) y++;
    else x++;
  }
  [y, x] = [old.length - 1, wide - 1];
  close();
  return found;
}

// Returns the table of the longest common subsequences of the ends of both lists.
function longest(old, new_) {
  const wide = new_.length;
  const table = new Uint16Array(old.length * wide);
  for (let y = old.length - 2; y >= 0; y--) {
    for (let x = wide - 2; x >= 0; x--) {
      const at = y * wide + x;
      table[at] = old[y].digest === new_[x].digest ? table[at + wide + 1] + 1 : Math.max(table[at + wide], table[at + 1]);
    }
  }
  return table;
}

// Returns the rows without the space around what is drawn in them, or all, where nothing is.
function withoutSpace(rows, top, bottom) {
  let [from, to] = [top, bottom];
  while (from < to && rows[from] === rows[from + 1]) from++;
  while (to > from && rows[to - 1] === rows[to - 2]) to--;
  return from < to ? [from, to] : [top, bottom];
}

// Returns the top, bottom, left and right of all pixels that differ between equally high parts.
function differing(old, new_, top, bottom, oldTop) {
  const box = [bottom, top, new_.width, 0];
  for (let row = top; row < bottom; row++) {
    for (let x = 0; x < new_.width; x++) {
      if (old.data[(oldTop + row - top) * old.width + x] === new_.data[row * new_.width + x]) continue;
      box[0] = Math.min(box[0], row);
      box[1] = row + 1;
      box[2] = Math.min(box[2], x);
      box[3] = Math.max(box[3], x + 1);
    }
  }
  return box;
}
