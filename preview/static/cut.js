// Shows where Gmail clips a long mail: a line across the paper, and everything below it hatched.

import { element } from "./element.js";
import { currentFrame } from "./frame.js";

const canvas = document.querySelector(".canvas");

export function useCut() {
  canvas.addEventListener("fitted", draw);
}

// Moves the existing line, since a long mail is fitted many times while it loads.
function draw() {
  const frame = currentFrame();
  const first = frame?.contentDocument?.querySelector("[data-gmail-cut]");
  const there = canvas.querySelector(".cut");
  if (!first) return there?.remove();
  const scale = frame.getBoundingClientRect().width / frame.offsetWidth;
  const line = there ?? element("div", { class: "cut" }, element("span", {}, "Gmail cuts the mail here"));
  line.style.top = `${topOf(first) * scale}px`;
  if (!there) frame.parentElement.append(line);
}

// An element without a box has no position, so the next element with a box counts.
function topOf(first) {
  for (let one = first; one; one = one.nextElementSibling ?? one.parentElement?.nextElementSibling) {
    const box = one.getBoundingClientRect();
    if (box.height) return box.top;
  }
  return first.ownerDocument.documentElement.getBoundingClientRect().height;
}
