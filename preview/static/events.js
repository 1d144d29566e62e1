// The server's events about files and mails. A hidden tab does not listen, and catches up when it is visible again.

import { visit } from "./page.js";

const status = document.querySelector("[data-saved]");
const folder = status.textContent;
let source = null;
const FAILED = "the studio failed: see the terminal";
const REFUSED = "the studio refuses this page; open the address with ?token= that its terminal shows";
const LOST = "the studio does not respond; start it again, and this page continues";
let missed = false;

export function listen() {
  document.addEventListener("visibilitychange", () => (document.hidden ? stop() : start()));
  document.addEventListener("failed", () => tell("error", FAILED));
  document.addEventListener("unanswered", () => tell("lost", LOST));
  document.addEventListener("answered", () => [FAILED, LOST].includes(status.textContent) && watches());
  if (!document.hidden) start();
}

function start() {
  if (source) return;
  source = new EventSource(`${document.body.dataset.home}/events`);
  source.addEventListener("watching", async () => {
    // A mail may have arrived after the page was rendered and before this connection.
    const visited = visit(undefined, { anew: missed });
    missed = false;
    await visited;
    watches();
  });
  source.addEventListener("saved", showSave);
  source.addEventListener("mail", () => visit());
  source.addEventListener("snapshot", () => visit());
  source.addEventListener("error", ({ target }) => {
    missed = true;
    tell("lost", target.readyState === EventSource.CLOSED ? REFUSED : LOST);
  });
}

function stop() {
  missed = true;
  source?.close();
  source = null;
}

async function showSave() {
  const began = performance.now();
  const time = new Date().toLocaleTimeString("en-GB");
  const good = await visit(undefined, { anew: true });
  if (good === null) return;
  if (good) tell("live", `saved ${time} → rendered in ${Math.round(performance.now() - began)} ms`);
  else tell("error", `saved ${time} → cannot be rendered`);
}

function watches() {
  if (source?.readyState === EventSource.OPEN) tell("live", `watching ${folder}`);
}

function tell(state, text) {
  status.dataset.state = state;
  status.textContent = text;
}
