// What the server tells of the disk. A tab that nobody sees does not listen, and catches up when it is seen again.

import { draw } from "./page.js";

const status = document.querySelector("[data-saved]");
const folder = status.textContent;
let source = null;
const FAILED = "the studio failed: see the terminal";
const LOST = "the studio does not answer: when it is started again, this page goes on";
let missed = false;

export function listen() {
  document.addEventListener("visibilitychange", () => (document.hidden ? stop() : start()));
  document.addEventListener("failed", () => tell("error", FAILED));
  document.addEventListener("unanswered", () => tell("lost", LOST));
  document.addEventListener("answered", () => status.textContent === FAILED && tell("live", `watching ${folder}`));
  if (!document.hidden) start();
}

function start() {
  if (source) return;
  source = new EventSource(`${document.body.dataset.home}/events`);
  source.addEventListener("watching", () => {
    tell("live", `watching ${folder}`);
    // A mail may have come between the page and the watch.
    draw(undefined, { anew: missed });
    missed = false;
  });
  source.addEventListener("saved", (event) => redraw(JSON.parse(event.data)));
  source.addEventListener("mail", () => draw());
  source.addEventListener("golden", () => "deciding" in document.body.dataset || draw());
  source.addEventListener("error", () => {
    missed = true;
    tell("lost", LOST);
  });
}

function stop() {
  missed = true;
  source?.close();
  source = null;
}

// How long it took is the server's part, by its clock, and this browser's part, by this one's.
async function redraw({ saved, told }) {
  const heard = performance.now();
  const good = await draw(undefined, { anew: true });
  document.dispatchEvent(new Event("saved"));
  if (good === null) return;
  const took = Math.round(told - saved + performance.now() - heard);
  const time = new Date(saved).toLocaleTimeString("en-GB");
  if (good) tell("live", `saved ${time} → drawn in ${took} ms`);
  else tell("error", `saved ${time} → cannot be drawn`);
}

function tell(state, text) {
  status.dataset.state = state;
  status.textContent = text;
}
