// Where Gmail cuts a mail that is too long: a line over the paper, and all below it hatched.

import { element } from "./element.js";
import { currentFrame } from "./frame.js";

const canvas = document.querySelector(".canvas");

export function useCut() {
  canvas.addEventListener("fitted", draw);
}

// The line that is there moves: a long mail is fitted many times while it is read.
function draw() {
  const frame = currentFrame();
  const first = frame?.contentDocument?.querySelector("[data-gmail-cut]");
  const there = canvas.querySelector(".cut");
  if (!first) return there?.remove();
  const scale = frame.getBoundingClientRect().width / frame.offsetWidth;
  const line = there ?? element("div", { class: "cut" }, element("span", {}, "Gmail shows the mail up to here"));
  line.style.top = `${topOf(first) * scale}px`;
  if (!there) frame.parentElement.append(line);
}

// What is not drawn itself has no place: the next that is drawn has one.
function topOf(first) {
  for (let one = first; one; one = one.nextElementSibling ?? one.parentElement?.nextElementSibling) {
    const box = one.getBoundingClientRect();
    if (box.height) return box.top;
  }
  return first.ownerDocument.documentElement.getBoundingClientRect().height;
}
