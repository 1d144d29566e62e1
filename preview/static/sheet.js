// The contact sheet: each mail as tall as it is, drawn anew after a save, and all of them on paper.

const canvas = document.querySelector(".canvas");

export function useSheet() {
  adoptAll();
  new MutationObserver(adoptAll).observe(canvas, { childList: true });
  document.addEventListener("saved", () => frames().filter(isDrawn).forEach((frame) => frame.contentWindow.location.reload()));
  document.addEventListener("click", (event) => event.target.closest("[data-print]") && print());
}

function adoptAll() {
  for (const frame of frames()) {
    frame.addEventListener("load", () => measure(frame));
    if (isDrawn(frame)) measure(frame);
  }
}

function measure(frame) {
  const inside = frame.contentDocument?.documentElement;
  if (!isDrawn(frame)) return;
  inside.style.overflow = "hidden";
  inside.style.printColorAdjust = "exact"; // or paper gets no grounds, and a dark mail its light letters
  new ResizeObserver(() => fit(frame, inside)).observe(inside);
}

function fit(frame, inside) {
  frame.parentElement.style.setProperty("--height", Math.ceil(inside.getBoundingClientRect().height));
}

// A mail that is out of sight is not loaded yet, and paper has no sight: all are, before the dialog opens.
async function print() {
  await Promise.all(frames().map(load));
  window.print();
}

function load(frame) {
  if (isDrawn(frame)) return null;
  return new Promise((done) => {
    frame.addEventListener("load", () => requestAnimationFrame(done), { once: true });
    frame.loading = "eager";
  });
}

function isDrawn(frame) {
  const inside = frame.contentDocument;
  return Boolean(inside) && inside.URL !== "about:blank" && inside.readyState === "complete";
}

function frames() {
  return [...canvas.querySelectorAll(".thumb iframe")];
}
