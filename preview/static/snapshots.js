// Before and after: two frames as tall as their mails and as wide as fits, side by side or one over the other, with marks
// on the changes.

import { compareLayouts } from "./layouts.js";
import { draw } from "./page.js";

const canvas = document.querySelector(".canvas");
const zoom = document.querySelector("[data-zoom]");
let marks = null;
let place = { of: "", top: 0 };

export function useSnapshots() {
  new MutationObserver(arrived).observe(canvas, { childList: true });
  new MutationObserver(settle).observe(document.querySelector(".toolbar"), { childList: true });
  new ResizeObserver(fit).observe(canvas);
  canvas.addEventListener("scroll", () => (place = { of: mailOf(), top: canvas.scrollTop }), { passive: true });
  document.addEventListener("submit", accept);
  document.addEventListener("click", ({ target }) => {
    if (target.closest("[data-marks-toggle]")) mark(!marks);
    else if (target.closest("[data-flip]")) flip();
  });
  canvas.addEventListener("input", ({ target }) => target.matches("[data-swipe]") && swipe(target));
  arrived();
}

function arrived() {
  const proofs = canvas.querySelector(".proofs");
  if (!canvas.querySelector("iframe")) zoom.hidden = true;
  if (!proofs) return;
  const kept = place.of === mailOf() ? place.top : 0;
  const waiting = [...proofs.querySelectorAll("iframe")].map((frame) => adopted(frame));
  marks = document.querySelector("[data-marks-toggle]")?.getAttribute("aria-pressed") === "true";
  Promise.all(waiting).then(() => {
    settle();
    tellLayout();
    if (kept) canvas.scrollTop = kept;
  });
}

// A toolbar that has just arrived does not show the scale and the chosen marks yet.
function settle() {
  fit();
  mark(marks);
}

// Resolves when the mail in the frame has loaded.
function adopted(frame) {
  return new Promise((done) => {
    const look = () => {
      const inside = frame.contentDocument;
      if (inside && inside.URL !== "about:blank" && inside.readyState === "complete") done(inside);
    };
    frame.addEventListener("load", look, { once: true });
    look();
  }).then((inside) => {
    inside.documentElement.style.overflowY = "hidden";
    new ResizeObserver(fit).observe(inside.documentElement);
    inside.addEventListener("click", (event) => event.target.closest("a[href]") && event.preventDefault());
    inside.addEventListener("keydown", (event) => {
      const { key, ctrlKey, metaKey, altKey } = event;
      const again = new KeyboardEvent("keydown", { key, ctrlKey, metaKey, altKey, bubbles: true, cancelable: true });
      if (!frame.dispatchEvent(again)) event.preventDefault();
    });
  });
}

// Gives both mails one scale and one height, so that equal positions line up on the screen.
function fit() {
  const proofs = canvas.querySelector(".proofs");
  if (!proofs) return;
  const pages = [...proofs.querySelectorAll(".proof-page")];
  const room = proofs.querySelector(".proof").clientWidth;
  const width = Number(proofs.dataset.width) || [600, 375, 320].find((each) => each * 0.75 <= room) || 320;
  const scale = Math.min(1, room / width);
  proofs.style.setProperty("--width", width);
  const frames = pages.map((page) => page.firstElementChild);
  const heights = frames.map((frame) => frame.contentDocument?.body?.parentElement.getBoundingClientRect().height ?? 0);
  const height = Math.ceil(Math.max(...heights));
  if (!height) return;
  proofs.dataset.fitted = "";
  for (const [at, page] of pages.entries()) {
    page.style.width = `${width * scale}px`;
    page.style.height = `${height * scale}px`;
    frames[at].style.height = `${height}px`;
    frames[at].style.transform = scale < 1 ? `scale(${scale})` : "";
  }
  for (const choice of document.querySelectorAll('[id^="width-"]')) {
    if (choice.id === `width-${width}`) choice.setAttribute("aria-current", "true");
    else choice.removeAttribute("aria-current");
  }
  zoom.hidden = scale === 1;
  zoom.textContent = `at ${Math.round(scale * 100)}%`;
}

// Describes the difference of the layouts in words.
function tellLayout() {
  const told = canvas.querySelector("[data-layout]");
  const [before, after] = [...canvas.querySelectorAll(".proofs iframe")].map((frame) => frame.contentDocument);
  if (told && before?.body && after?.body) told.textContent = compareLayouts(before, after);
}

function mark(on) {
  marks = on;
  const toggle = document.querySelector("[data-marks-toggle]");
  if (toggle?.getAttribute("aria-pressed") !== String(on)) toggle?.setAttribute("aria-pressed", String(on));
  for (const frame of canvas.querySelectorAll(".proofs iframe")) {
    frame.contentDocument?.documentElement?.toggleAttribute("data-marks", on);
  }
}

function swipe(input) {
  input.parentElement.style.setProperty("--at", `${input.value}%`);
  input.setAttribute("aria-valuetext", `${input.value}% accepted, ${100 - input.value}% now`);
}

// Switches between the whole old mail and the whole new one, so that changes jump.
function flip() {
  const input = canvas.querySelector("[data-swipe]");
  input.value = Number(input.value) > 50 ? 0 : 100;
  swipe(input);
}

async function accept(event) {
  const form = event.target;
  if (!form.matches("[data-accept]")) return;
  event.preventDefault();
  document.body.dataset.deciding = ""; // events.js ignores the change, since this function loads the page
  const body = new URLSearchParams(new FormData(form));
  const answer = await fetch(form.action, { method: "POST", body }).catch(() => null);
  delete document.body.dataset.deciding;
  await draw(answer?.ok ? answer.url : location.href);
}

function mailOf() {
  return location.pathname + new URLSearchParams(location.search).get("sample");
}
