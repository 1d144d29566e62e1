// The handle at the edge of the paper. Dragging it or the arrow keys change the width of the mail.

import { fit } from "./frame.js";
import { visit } from "./page.js";

const STEPS = { ArrowLeft: -1, ArrowRight: 1 };
const canvas = document.querySelector(".canvas");

export function useHandle() {
  canvas.addEventListener("pointerdown", (event) => {
    if (event.target.matches(".handle") && event.button === 0) drag(event.target, event);
  });
  canvas.addEventListener("keydown", (event) => {
    const { target: handle, key, shiftKey } = event;
    if (!handle.matches(".handle") || !(key in STEPS || key === "Home" || key === "End")) return;
    event.preventDefault();
    const { ariaValueNow: now, ariaValueMin: least, ariaValueMax: most } = handle;
    const wanted = key === "Home" ? least : key === "End" ? most : Number(now) + STEPS[key] * (shiftKey ? 1 : 10);
    resize(handle, wanted);
    handle.dataset.dragging = "";
  });
  for (const end of ["keyup", "focusout"]) {
    canvas.addEventListener(end, ({ target }) => target.matches(".handle[data-dragging]") && keep(target));
  }
}

// The paper is centred, so its edge moves half as far as the paper grows.
function drag(handle, { clientX: from, pointerId }) {
  const paper = handle.parentElement;
  const start = Number(handle.ariaValueNow);
  const step = (2 * start) / paper.clientWidth;
  const move = ({ clientX }) => resize(handle, start + (clientX - from) * step);
  handle.setPointerCapture(pointerId);
  handle.dataset.dragging = "";
  handle.addEventListener("pointermove", move);
  handle.addEventListener(
    "lostpointercapture",
    () => {
      handle.removeEventListener("pointermove", move);
      keep(handle);
    },
    { once: true },
  );
}

function resize(handle, wanted) {
  const width = Math.min(Math.max(Math.round(wanted), handle.ariaValueMin), handle.ariaValueMax);
  handle.parentElement.dataset.width = width;
  fit();
}

// Loads the page again, so that its links keep this width. The mail stays.
function keep(handle) {
  delete handle.dataset.dragging;
  const address = new URL(location.href);
  address.searchParams.set("width", handle.ariaValueNow);
  visit(address.href, { replace: true });
}
