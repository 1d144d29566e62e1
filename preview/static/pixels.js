// Links each part of the mail to the line that renders it, and back. Outlines lie on the paper, above the frame.

import { element } from "./element.js";
import { currentFrame } from "./frame.js";
import { visit } from "./page.js";

const canvas = document.querySelector(".canvas");
const OUTSIDE = 3;
const NOTHING = { all: {}, picked: [] };

let picking = false;
let known = {};
let seen = "";

export function usePixels() {
  canvas.addEventListener("fitted", outline);
  document.addEventListener("click", ({ target }) => {
    if (target.closest("#pick")) pick(!picking);
    if (target.closest("a[href*='line=']:not(.toolbar *, .tabs *)")) seen = ""; // scrolls to it again
  });
  document.addEventListener("keydown", ({ key }) => key === "Escape" && pick(false));
  canvas.addEventListener("keydown", alongLines);
  canvas.addEventListener("focusin", ({ target }) => target.matches(".linked a") && leaveTogether(target));
}

// Listens to a mail that has loaded in the frame.
export function watch(inside) {
  clear("pointed");
  if (!document.getElementById("pick")) picking = false;
  if (picking) inside.documentElement.style.cursor = "crosshair";
  inside.addEventListener("pointermove", ({ target }) => picking && point(target));
  inside.documentElement.addEventListener("pointerleave", () => clear("pointed"));
  inside.addEventListener("click", (event) => picking && choose(event), { capture: true });
}

function pick(on) {
  picking = on;
  clear("pointed");
  const inside = currentFrame()?.contentDocument;
  if (inside) inside.documentElement.style.cursor = on ? "crosshair" : "";
  document.getElementById("pick")?.setAttribute("aria-pressed", on);
}

async function point(target) {
  const { all } = await marks();
  const part = origin(target, all);
  clear("pointed");
  if (!picking || !part) return;
  const [box] = boxesAround([part.element], "pointed");
  label(box, all[part.key]);
}

async function choose(event) {
  event.preventDefault();
  event.stopImmediatePropagation();
  const { all } = await marks();
  const part = origin(event.target, all);
  if (!part) return;
  pick(false);
  const address = new URL(location.href);
  address.searchParams.set("line", lineOf(all[part.key].trail.at(-1)));
  visit(address.href);
}

// Outlines the parts that the line in the address renders, and scrolls to them once.
async function outline() {
  document.getElementById("pick")?.setAttribute("aria-pressed", picking);
  const line = new URLSearchParams(location.search).get("line") ?? "";
  if (!line) seen = "";
  const { picked } = line ? await marks() : NOTHING;
  clear("picked-out");
  const elements = picked.flatMap((key) => [...elementsOf(key)]);
  if (!elements.length) return;
  const boxes = boxesAround(elements, "picked-out");
  if (seen !== line) boxes[0].scrollIntoView({ block: "nearest" });
  seen = line;
}

// Fetches the source lines of every part of the mail, once for each mail.
async function marks() {
  const frame = currentFrame();
  const address = frame?.parentElement.dataset.places;
  if (!address || !frame.contentDocument) return NOTHING;
  if (known.address !== address || known.inside !== frame.contentDocument) {
    const answer = fetch(address).then((response) => response.json()).catch(() => (known = NOTHING)); // it is asked again
    known = { address, inside: frame.contentDocument, answer };
  }
  return known.answer;
}

// Finds the source of an element of the mail: its own tag, else the tag that rendered it.
function origin(target, all) {
  for (let element = target; element; element = element.parentElement) {
    const keys = [element.dataset.keyturn, ...element.classList];
    const key = keys.find((name) => name in all);
    if (key) return { element, key };
  }
  return null;
}

function elementsOf(key) {
  return currentFrame().contentDocument.querySelectorAll(`.${CSS.escape(key)}, [data-keyturn="${CSS.escape(key)}"]`);
}

function boxesAround(elements, kind) {
  const frame = currentFrame();
  const scale = frame.getBoundingClientRect().width / frame.offsetWidth;
  const boxes = elements.map((one) => boxAround(one.getBoundingClientRect(), scale, kind));
  frame.parentElement.append(...boxes);
  return boxes;
}

function boxAround({ left, top, width, height }, scale, kind) {
  const box = element("div", { class: `outline ${kind}`, "aria-hidden": "true" });
  Object.assign(box.style, {
    left: `${left * scale - OUTSIDE}px`,
    top: `${top * scale - OUTSIDE}px`,
    width: `${width * scale + 2 * OUTSIDE}px`,
    height: `${height * scale + 2 * OUTSIDE}px`,
  });
  return box;
}

// Labels a box with its tag and line: below it, and within the paper.
function label(box, { tag, trail }) {
  const paper = box.parentElement;
  const [inner, outer] = [trail[0], trail.at(-1)];
  const label = element("p", { class: "outline-label pointed", "aria-hidden": "true" }, `${short(outer)} · ${tag}`);
  if (inner !== outer) label.append(element("small", {}, ` in ${short(inner)}`));
  paper.append(label);
  label.style.left = `${Math.max(0, Math.min(box.offsetLeft, paper.clientWidth - label.offsetWidth))}px`;
  label.style.top = `${Math.min(box.offsetTop + box.offsetHeight + 3, paper.clientHeight - label.offsetHeight)}px`;
}

function clear(kind) {
  for (const box of canvas.querySelectorAll(`.outline.${kind}, .outline-label.${kind}`)) box.remove();
}

function lineOf({ file, line }) {
  return `${file}:${line}`;
}

// Shortens "password_reset/password_reset.mjml" to its last part.
function short(place) {
  return lineOf(place).replace(/^(?:.*\/)?([^/]+)\/(\1\.)/, "$2");
}

// The arrow keys move between the lines of a source, and the Tab key leaves it, so that it has one tab stop.
function alongLines(event) {
  const step = { ArrowUp: "previousElementSibling", ArrowDown: "nextElementSibling" }[event.key];
  const line = event.target.closest(".linked li");
  if (!step || !line?.[step]) return;
  event.preventDefault();
  line[step].querySelector("a").focus();
}

function leaveTogether(line) {
  for (const other of line.closest(".linked").querySelectorAll("a")) other.tabIndex = other === line ? 0 : -1;
}
