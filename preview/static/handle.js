// The handle at the edge of the paper. Dragging it or the arrow keys change the width of the mail.

import { fit } from "./frame.js";
import { visit } from "./page.js";

const canvas = document.querySelector(".canvas");

export function useHandle() {
  canvas.addEventListener("pointerdown", ({ target: handle, button, clientX: from, pointerId }) => {
    if (!handle.matches(".handle") || button !== 0) return;
    const start = Number(handle.ariaValueNow);
    const step = (2 * start) / handle.parentElement.clientWidth; // the paper is centred, so its edge moves half as far
    handle.setPointerCapture(pointerId);
    handle.dataset.dragging = "";
    handle.onpointermove = ({ clientX }) => resize(handle, start + (clientX - from) * step);
  });
  canvas.addEventListener("keydown", (event) => {
    const { target: handle, key, shiftKey } = event;
    const [now, step] = [Number(handle.ariaValueNow), shiftKey ? 1 : 10];
    const { ariaValueMin: Home, ariaValueMax: End } = handle;
    const wanted = { ArrowLeft: now - step, ArrowRight: now + step, Home, End }[key];
    if (!handle.matches(".handle") || wanted === undefined) return;
    event.preventDefault();
    resize(handle, wanted);
    handle.dataset.dragging = "";
  });
  for (const end of ["keyup", "focusout", "lostpointercapture"]) {
    canvas.addEventListener(end, ({ target }) => target.matches(".handle[data-dragging]") && keep(target));
  }
}

function resize(handle, wanted) {
  const width = Math.min(Math.max(Math.round(wanted), handle.ariaValueMin), handle.ariaValueMax);
  handle.parentElement.dataset.width = width;
  fit();
}

// Loads the page again, so that its links keep this width. The mail stays.
function keep(handle) {
  delete handle.dataset.dragging;
  handle.onpointermove = null;
  const address = new URL(location.href);
  address.searchParams.set("width", handle.ariaValueNow);
  visit(address.href, { replace: true });
}
