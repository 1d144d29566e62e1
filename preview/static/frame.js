// The mail in a frame as tall as it, so that the canvas scrolls. A new mail loads behind the old one and replaces it then.

const canvas = document.querySelector(".canvas");
let onLink = () => {};
let onDocument = () => {};
let shown = canvas.innerHTML;
let adopted = null;

// Takes charge of the page's frame. Resolves when its mail has loaded.
export function useFrames(options) {
  ({ onLink, onDocument } = options);
  new ResizeObserver(fit).observe(canvas);
  const frame = currentFrame();
  return frame ? whenParsed(frame).then(() => adopt(frame)) : Promise.resolve();
}

// Starts to load the current mail again, behind its frame.
export function prepare() {
  const frame = currentFrame();
  return frame?.hasAttribute("data-live") ? arrival(frame, frame) : null;
}

// Replaces the canvas with that of the next page. Resolves when the mail has loaded.
export async function settle(page, ahead, signal) {
  const next = page.querySelector(".canvas");
  if (fills(next)) return;
  const [frame, wanted] = [currentFrame(), next.querySelector(".paper iframe")];
  if (!frame || !wanted) {
    ahead?.discard();
    return replace(next);
  }
  const source = new URL(wanted.getAttribute("src"), location.href).href;
  const elsewhere = mailOf(source) !== mailOf(frame.src);
  const lastGoodStays = page.querySelector(".fault") !== null;
  const coming = source !== frame.src ? arrival(frame, wanted) : lastGoodStays ? null : ahead;
  if (ahead !== coming) ahead?.discard();
  if (coming) {
    await coming.ready;
    if (signal.aborted) return coming.discard();
    coming.takeOver();
  }
  const paper = currentFrame().parentElement;
  const held = paper.querySelector(".handle[data-dragging]") ? { width: paper.dataset.width } : {}; // a drag decides the width
  Object.assign(paper.dataset, wanted.parentElement.dataset, held);
  currentFrame().title = wanted.title;
  fit();
  if (elsewhere) canvas.scrollTop = 0;
}

// A canvas without a mail may be a region, which page.js has already put in place.
function fills(next) {
  const [filled, filling] = [canvas, next].map((one) => one.querySelector("[data-fills]"));
  if (!filled || filled.dataset.region !== filling?.dataset.region) return false;
  if (filled.dataset.fills !== filling.dataset.fills) canvas.scrollTop = 0;
  filled.dataset.fills = filling.dataset.fills;
  shown = "";
  return true;
}

async function replace(next) {
  if (next.innerHTML === shown) return; // compares with the HTML as it arrived, before scripts changed it
  shown = next.innerHTML;
  canvas.replaceChildren(...next.childNodes);
  canvas.scrollTop = 0;
  const frame = currentFrame();
  if (!frame) return fit();
  await whenParsed(frame);
  adopt(frame);
}

function arrival(frame, like) {
  const coming = document.importNode(like, false);
  coming.classList.add("arriving");
  coming.style.width = frame.style.width;
  frame.after(coming);
  return {
    ready: whenParsed(coming),
    discard: () => coming.remove(),
    takeOver() {
      const focused = document.activeElement === frame;
      coming.classList.remove("arriving");
      frame.remove();
      adopt(coming);
      if (focused) coming.focus({ preventScroll: true });
    },
  };
}

// Resolves when the document has been parsed (of another origin: has loaded), or when the frame is removed.
function whenParsed(frame) {
  return new Promise((done) => {
    let over = false;
    const end = () => {
      over = true;
      done();
    };
    frame.addEventListener("load", end, { once: true });
    const look = () => {
      if (over) return;
      const inside = frame.contentDocument;
      if (!frame.isConnected || (inside && inside.URL !== "about:blank" && inside.readyState !== "loading")) end();
      else setTimeout(look, inside ? 2 : 50);
    };
    look();
  });
}

function adopt(frame) {
  adopted = frame;
  const inside = frame.contentDocument;
  if (inside) {
    inside.documentElement.style.overflowY = "hidden";
    new ResizeObserver(fit).observe(inside.documentElement);
    onDocument(inside);
    inside.addEventListener("click", (event) => {
      const link = event.target.closest("a[href]");
      if (!link) return;
      event.preventDefault();
      onLink(link.getAttribute("href").trim());
    });
    inside.addEventListener("keydown", (event) => {
      const { key, ctrlKey, metaKey, altKey } = event;
      const again = new KeyboardEvent("keydown", { key, ctrlKey, metaKey, altKey, bubbles: true, cancelable: true });
      if (!frame.dispatchEvent(again)) event.preventDefault();
    });
  }
  fit();
}

// Sets the width of the paper and the height of the mail. The event "fitted" then moves the marks on the paper.
export function fit() {
  for (const plain of canvas.querySelectorAll(".plain")) plain.style.setProperty("--width", plain.dataset.width || null);
  const frame = currentFrame();
  if (!frame) return;
  const paper = frame.parentElement;
  const style = getComputedStyle(paper);
  const width = Number(paper.dataset.width || style.getPropertyValue("--width"));
  const margin = parseFloat(getComputedStyle(canvas).paddingLeft);
  const scale = Math.min(1, (canvas.clientWidth - 2 * margin) / width);
  const room = (canvas.clientHeight - 2 * margin) / scale;
  frame.style.width = `${width}px`;
  const content = frame.contentDocument?.documentElement?.getBoundingClientRect().height ?? 0;
  const height = Math.max(Math.ceil(content), room);
  frame.style.height = `${height}px`;
  frame.style.transform = scale < 1 ? `scale(${scale})` : "";
  paper.style.width = `${width * scale}px`;
  paper.style.height = `${height * scale}px`;
  paper.querySelector(".handle").ariaValueNow = width;
  tell(width, scale);
  if (frame === adopted) canvas.dispatchEvent(new Event("fitted"));
}

// Marks the current width among the presets, and shows a width or scale that no preset shows.
function tell(width, scale) {
  let preset = false;
  for (const choice of document.querySelectorAll('[id^="width-"]')) {
    const current = choice.id === `width-${width}`;
    preset ||= current;
    choice.ariaCurrent = current ? "true" : null;
  }
  const zoom = document.querySelector("[data-zoom]");
  zoom.textContent = [preset ? "" : `${width} px`, scale < 1 ? `at ${Math.round(scale * 100)}%` : ""].join(" ").trim();
  zoom.hidden = !zoom.textContent;
}

export function currentFrame() {
  return canvas.querySelector(".paper iframe:not(.arriving)");
}

// The same sample in another colour scheme is the same mail, so the canvas keeps its scroll position.
function mailOf(source) {
  const address = new URL(source);
  for (const how of ["scheme", "images", "remote", "edit"]) address.searchParams.delete(how);
  return address.href;
}
