// The contact sheet: shows each mail at full height, and reloads it after a save.

const canvas = document.querySelector(".canvas");
const halted = new Set();

export function useSheet() {
  frames().forEach(measure);
  canvas.addEventListener("load", ({ target }) => target.matches(".thumb iframe") && measure(target), true);
  document.addEventListener("saved", () => frames().filter(isLoaded).forEach((frame) => frame.contentWindow.location.reload()));
}

function measure(frame) {
  const inside = frame.contentDocument?.documentElement;
  if (!isLoaded(frame)) return;
  inside.style.overflow = "hidden";
  new ResizeObserver(() => fit(frame, inside)).observe(inside);
}

function fit(frame, inside) {
  frame.parentElement.style.setProperty("--height", Math.ceil(inside.getBoundingClientRect().height));
}

// Stops the pictures that are still loading: a browser has few connections to a server, and another page needs one.
export function halt() {
  for (const frame of frames().filter((one) => !isLoaded(one))) {
    halted.add(frame);
    if (frame.contentDocument) frame.contentWindow.stop(); // not an error page of the browser
  }
}

// Loads the stopped pictures that are still on the page.
export function resume() {
  for (const frame of halted) if (frame.isConnected) frame.src = frame.src;
  halted.clear();
}

function isLoaded(frame) {
  const inside = frame.contentDocument;
  return Boolean(inside) && inside.URL !== "about:blank" && inside.readyState === "complete";
}

function frames() {
  return [...canvas.querySelectorAll(".thumb iframe")];
}
