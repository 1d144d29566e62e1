// The mail in its frame: as tall as it is, so that the canvas scrolls and keeps its place; made smaller where it is
// wider than the canvas; and drawn behind the old one, which is taken away only when the new one is there.

const canvas = document.querySelector(".canvas");
let onLink = () => {};

// Resolves when the mail that is there is drawn.
export function useFrames(options) {
  onLink = options.onLink;
  new ResizeObserver(fit).observe(canvas);
  const frame = currentFrame();
  return frame ? drawn(frame).then(() => adopt(frame)) : Promise.resolve();
}

// Starts to draw the mail of the current frame once more, behind it.
export function prepare() {
  const frame = currentFrame();
  return frame?.hasAttribute("data-live") ? arrival(frame, frame) : null;
}

// Makes the canvas show what it shows on the next page. Resolves when the mail is drawn.
export async function settle(page, ahead, signal) {
  const next = page.querySelector(".canvas");
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
  Object.assign(currentFrame().parentElement.dataset, wanted.parentElement.dataset);
  currentFrame().title = wanted.title;
  fit();
  if (elsewhere) canvas.scrollTop = 0;
}

async function replace(next) {
  if (canvas.innerHTML === next.innerHTML) return;
  canvas.replaceChildren(...next.childNodes);
  canvas.scrollTop = 0;
  const frame = currentFrame();
  if (!frame) return;
  await drawn(frame);
  adopt(frame);
}

function arrival(frame, like) {
  const coming = document.importNode(like, false);
  coming.classList.add("arriving");
  coming.style.width = frame.style.width;
  frame.after(coming);
  return {
    ready: drawn(coming),
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

// Resolves once the document is read, images or not. A frame with an origin of its own tells only when it has loaded.
function drawn(frame) {
  return new Promise((done) => {
    frame.addEventListener("load", done, { once: true });
    const look = () => {
      const inside = frame.contentDocument;
      if (!frame.isConnected || (inside && inside.URL !== "about:blank" && inside.readyState !== "loading")) done();
      else if (inside) setTimeout(look, 2);
    };
    look();
  });
}

function adopt(frame) {
  const inside = frame.contentDocument;
  if (inside) {
    inside.documentElement.style.overflowY = "hidden";
    new ResizeObserver(fit).observe(inside.documentElement);
    inside.addEventListener("click", (event) => {
      const link = event.target.closest("a[href]");
      if (!link) return;
      event.preventDefault();
      onLink(link.getAttribute("href").trim());
    });
    inside.addEventListener("keydown", (event) => {
      const { key, ctrlKey, metaKey, altKey } = event;
      frame.dispatchEvent(new KeyboardEvent("keydown", { key, ctrlKey, metaKey, altKey, bubbles: true }));
    });
  }
  fit();
}

function fit() {
  const frame = currentFrame();
  if (!frame) return;
  const paper = frame.parentElement;
  const width = Number(getComputedStyle(paper).getPropertyValue("--width"));
  const margin = parseFloat(getComputedStyle(canvas).paddingLeft);
  const scale = Math.min(1, (canvas.clientWidth - 2 * margin) / width);
  const room = (canvas.clientHeight - 2 * margin) / scale;
  frame.style.width = `${width}px`;
  for (const choice of document.querySelectorAll('[id^="width-"]')) {
    if (choice.id === `width-${width}`) choice.setAttribute("aria-current", "true");
    else choice.removeAttribute("aria-current");
  }
  const content = frame.contentDocument?.documentElement.getBoundingClientRect().height ?? 0;
  const height = Math.max(Math.ceil(content), room);
  frame.style.height = `${height}px`;
  frame.style.transform = scale < 1 ? `scale(${scale})` : "";
  paper.style.width = `${width * scale}px`;
  paper.style.height = `${height * scale}px`;
  const zoom = document.querySelector("[data-zoom]");
  zoom.hidden = scale === 1;
  zoom.textContent = `at ${Math.round(scale * 100)} %`;
}

function currentFrame() {
  return canvas.querySelector(".paper iframe:not(.arriving)");
}

// The same sample in another scheme is the same mail: its place is kept.
function mailOf(source) {
  const address = new URL(source);
  address.searchParams.delete("scheme");
  return address.href;
}
