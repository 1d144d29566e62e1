// Measures the mail in a hidden frame, at the widths of phones and at the current width. The studio stores the results
// among its findings and returns those that count, which this module marks on the canvas.

import { element } from "./element.js";
import { currentFrame } from "./frame.js";
import { measure } from "./measure.js";

const WIDTHS = [320, 375, 600];
const PATIENCE = 5000; // ms to wait for images
const canvas = document.querySelector(".canvas");

// Measurements by the document in the frame. A mail that is rendered again has a new document.
const known = new WeakMap();

export function useMeasuring() {
  canvas.addEventListener("fitted", mark);
}

// Measures the mail in the frame, unless it was measured before. Resolves to true if there are new results.
export async function measureMail(signal) {
  const frame = currentFrame();
  const address = frame?.parentElement.dataset.measures;
  const inside = frame?.contentDocument;
  if (!address || !inside) return false;
  const looked = known.get(inside) ?? { address, byWidth: new Map(), marks: [] };
  const wanted = widthsFor(frame);
  const widths = wanted.filter((width) => !looked.byWidth.has(width));
  if (!widths.length) return false;
  for (const one of await measureAt(frame, widths, signal)) looked.byWidth.set(one.width, one);
  if (signal.aborted || frame !== currentFrame()) return false;
  const marks = await send(address, wanted.flatMap((width) => looked.byWidth.get(width) ?? []), signal);
  if (!marks) return false;
  known.set(inside, { ...looked, marks });
  mark();
  return true;
}

// A hidden pane has no width.
function widthsFor({ clientWidth: shown }) {
  return shown < 280 || shown > 1600 || WIDTHS.includes(shown) ? WIDTHS : [...WIDTHS, shown];
}

// Measures the mail in the light scheme, since changes by the model of a client are not the mail's fault.
async function measureAt(frame, widths, signal) {
  const address = new URL(frame.src, location.href);
  address.searchParams.delete("scheme");
  const sandbox = frame.getAttribute("sandbox");
  const hidden = element("iframe", { class: "measured", sandbox, "aria-hidden": "true", tabindex: "-1" });
  hidden.inert = true;
  hidden.src = address.href;
  const loaded = new Promise((done) => hidden.addEventListener("load", done, { once: true }));
  document.body.append(hidden);
  try {
    await Promise.race([loaded, new Promise((done) => setTimeout(done, PATIENCE))]);
    const page = hidden.contentDocument;
    if (signal.aborted || !page?.body) return [];
    page.documentElement.style.overflowY = "hidden";
    const found = [];
    for (const width of widths) {
      hidden.style.width = `${width}px`;
      found.push(measure(page, width));
      await new Promise((done) => setTimeout(done)); // lets the page handle a key
      if (signal.aborted) return [];
    }
    return found;
  } finally {
    hidden.remove();
  }
}

async function send(address, measurements, signal) {
  try {
    const body = JSON.stringify(measurements);
    const answer = await fetch(address, { method: "POST", body, signal, headers: { "content-type": "application/json" } });
    return answer.ok ? await answer.json() : null;
  } catch {
    return null;
  }
}

// Outlines the faults at the current width. The sign at the corner of an outline links to the line.
function mark() {
  for (const old of canvas.querySelectorAll(".noticed")) old.remove();
  const frame = currentFrame();
  const paper = frame?.parentElement;
  if (!paper || paper.dataset.scheme === "word") return;
  const scale = frame.getBoundingClientRect().width / frame.offsetWidth;
  const here = (known.get(frame.contentDocument)?.marks ?? []).filter(
    ({ width, severity }) => width === frame.clientWidth && severity !== "note",
  );
  paper.append(...here.map((one) => outline(one, scale)));
}

const SIGN = 24; // px, half of them over the corner if there is room

// Clips the outline at the edge of the paper, and keeps the whole sign on the paper.
function outline({ severity, message, line, width: paper, box: [from, top, across, height] }, scale) {
  const left = Math.max(0, from);
  const width = Math.max(8, Math.min(paper, from + across) - left);
  const address = new URL(location.href);
  address.searchParams.set("line", line);
  address.searchParams.set("tab", "checks");
  const made = element("a", { class: `noticed ${severity}`, href: address.href, title: message, "aria-label": `${severity}: ${message}` });
  const end = (left + width) * scale;
  made.style.setProperty("--sign-end", `${-Math.max(Math.min(SIGN / 2, paper * scale - end), SIGN - end)}px`);
  made.style.setProperty("--sign-top", `${-Math.min(SIGN / 2, Math.max(0, top * scale))}px`);
  Object.assign(made.style, {
    left: `${left * scale}px`,
    top: `${top * scale}px`,
    width: `${width * scale}px`,
    height: `${height * scale}px`,
  });
  return made;
}
