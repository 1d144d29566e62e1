// Fetches whole pages and puts their regions in place, so the address remains the only state.

import { blend } from "./blend.js";
import { build } from "./form.js";
import { prepare, settle } from "./frame.js";
import { halt, resume } from "./sheet.js";

// The regions that the checks fill. A toolbar with the focus stays as it is.
const FOUND =
  ".list [data-region], [data-region=hints], .tabs, .detail, [data-fills], [data-region=counts], " +
  "body:has([data-fills]) .toolbar:not(:focus-within)";

// Milliseconds without another change before the checks begin, so that the next mail does not wait for them.
const PAUSE = 200;

const STAYS = "[data-edits], [data-as-typed], [data-held], [data-kept], iframe"; // what the user types in, and pictures

let underWay = new AbortController();
let wanted = location.href;
let here = location.href; // the page on the screen; the Back key changes the address before the page
let replaces = false; // whether the wanted page replaces the current history entry
let stale = false; // whether the mail in the frame is older than the last save
let last = Promise.resolve();
export const main = document.getElementById("main"); // busy while another page is on its way

// Loads the page at `address`; without one, reloads the wanted page. With `anew` it also reloads the mail in the frame, and
// by the event "saved" it has pictures and an editor look at the disk. With `replace` the address replaces the current
// history entry, as while the user types. Resolves when the page is on the screen: to true if it shows no fault, to false if
// it does, to null if another page overtook it or the fetch failed. That page takes over `anew`, and at the same address
// also `replace`.
export function visit(address = wanted, { anew = false, replace = address === wanted && replaces } = {}) {
  if (new URL(address, location.href).href !== here) {
    halt();
    main.ariaBusy = "true";
  }
  last = fetchAndPlace(address, anew, replace);
  const { signal } = underWay;
  last.finally(() => {
    if (anew) document.dispatchEvent(new Event("saved"));
    if (signal.aborted) return;
    resume();
    main.ariaBusy = null;
  });
  return last;
}

// Resolves when the last requested page is on the screen.
export async function settled() {
  for (let awaited = null; awaited !== last; ) await (awaited = last);
}

// Fetches the checks of the mail on the screen, then of the others for the list, until another page is wanted.
export async function check(signal = underWay.signal) {
  for (let address = document.body.dataset.checks; address; ) {
    const page = await fetchPage(address, signal, { prefer: "wait" });
    if (!page?.ok || page.failed || signal.aborted) return;
    place(page.document, document.querySelectorAll(FOUND));
    address = page.document.body.dataset.checks;
  }
}

async function fetchAndPlace(address, anew, replace) {
  underWay.abort();
  underWay = new AbortController();
  const { signal } = underWay;
  wanted = address;
  replaces = replace;
  stale ||= anew;
  const ahead = stale ? prepare() : null;
  const page = await fetchPage(address, signal, { prefer: "respond-async" });
  if (!page || page.failed || signal.aborted) {
    ahead?.discard();
    if (!page && !signal.aborted) document.dispatchEvent(new Event("unanswered"));
    return null;
  }
  const moved = page.address !== location.href.split("#")[0];
  wanted = page.address;
  replaces = false;
  if (moved) history[replace ? "replaceState" : "pushState"](null, "", page.address);
  document.title = page.document.title;
  Object.assign(document.body.dataset, page.document.body.dataset);
  const focus = remembered();
  place(page.document, document.querySelectorAll("[data-region]"), page.address !== here);
  here = page.address;
  if (moved) chosen()?.scrollIntoView({ block: "nearest" });
  await settle(page.document, ahead, signal);
  focus();
  if (signal.aborted) return null;
  stale = false;
  await painted();
  setTimeout(() => signal.aborted || check(signal), anew || replace ? PAUSE : 0);
  return !document.querySelector(".fault");
}

// Fetches a page. A failed page is not shown; the status line reports it by the event "failed", else "answered".
async function fetchPage(address, signal, headers) {
  const response = await fetch(address, { signal, headers: { accept: "text/html", ...headers } }).catch(() => {});
  const text = await response?.text().catch(() => {});
  if (text === undefined) return null;
  const page = new DOMParser().parseFromString(text, "text/html");
  await Promise.resolve(page).then(build).catch(reportError); // the page is shown without the form
  const failed = response.status >= 500 || !page.querySelector("[data-region]");
  document.dispatchEvent(new Event(failed ? "failed" : "answered"));
  return { address: response.url, ok: response.ok, failed, document: page };
}

// Sends JSON. Resolves to the response with its JSON, both null without JSON, and to what is said if it is refused.
export async function post(address, body) {
  const headers = { "content-type": "application/json" };
  const response = await fetch(address, { method: "POST", headers, body: JSON.stringify(body) }).catch(() => null);
  const said = (await response?.json().catch(() => null)) ?? null;
  const lost = !response || response.ok;
  return [said && response, said, said?.detail ?? `The studio ${lost ? "does not respond" : "refuses this page"}.`];
}

// Replaces regions by those of a page. Details stay as they are; elsewhere only open ones do, and no questions.
function place(page, regions, elsewhere = false) {
  const focus = remembered();
  for (const region of regions) {
    const next = page.querySelector(`[data-region="${region.dataset.region}"]`);
    if (!next) continue; // a region of some pages only, inside their canvas
    for (const details of region.querySelectorAll("details[id]")) {
      const { id, open } = details;
      const stays = !elsewhere || (open && !details.querySelector("form[method=post]"));
      if (stays) next.querySelector(`#${id}`)?.toggleAttribute("open", open);
    }
    if (region.innerHTML === next.innerHTML) continue;
    if (region.querySelector(STAYS) && next.querySelector(STAYS)) blend(region, next);
    else region.replaceChildren(...next.childNodes);
  }
  focus();
}

// Restores the focus, or moves it to what `data-then` names. On the chosen row of the list, it follows the choice.
function remembered() {
  const { activeElement } = document;
  const follows = activeElement === chosen();
  return () => {
    const { id, dataset } = activeElement;
    const again = follows ? chosen() : (document.getElementById(id) ?? document.getElementById(dataset.then));
    if (again && document.activeElement === document.body) again.focus({ preventScroll: true });
  };
}

function chosen() {
  return document.querySelector('.list [aria-current="page"]');
}

function painted() {
  return new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
}
