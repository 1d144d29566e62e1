// A page is fetched as it is and its regions are put in place, so the address stays the only state there is.

import { blend } from "./blend.js";
import { prepare, settle } from "./frame.js";
import { measureMail } from "./measuring.js";

// What the checks fill. A form that somebody is in stays as it is.
const FOUND =
  ".list [data-region], [data-region=hints], .tabs, .detail, [data-fills], [data-region=timing], " +
  "body:has([data-fills]) .toolbar:not(:focus-within)";

const TYPED_IN = "[data-edits], [data-as-typed], [data-held], [data-kept]";

let underWay = new AbortController();
let wanted = location.href;
let here = location.href; // what is on the screen: by the Back key, the address has changed before
let replaces = false; // the address that is there, once the wanted page has come
let stale = false; // the mail in the frame, until one has come that was asked for after the last save
let last = Promise.resolve();

// Draws the page at `address`, or the one that is there or on its way. With `anew` the mail in the frame is drawn again
// too, as after a save; with `replace` its address takes the place of the one before, as while somebody types. Resolves
// once it is on the screen: to true if the page shows no fault, to false if it does, to null if another page overtook it
// or it could not be had. The one that overtakes it draws the mail anew where that was to be; at the same address, it also
// replaces what was to be replaced.
export function draw(address = wanted, { anew = false, replace = address === wanted && replaces } = {}) {
  last = fetchAndPlace(address, anew, replace);
  return last;
}

// Resolves when the page that was asked for last is there.
export async function settled() {
  for (let awaited = null; awaited !== last; ) await (awaited = last);
}

// Has the mail checked, now that it is drawn, and measures it; then the others for the list, until another page than it
// is wanted.
export async function check(signal = underWay.signal) {
  const first = document.body.dataset.checks;
  if (!first) return showMeasured(signal);
  let measuring = measureMail(signal);
  for (let address = first; address; ) {
    const page = await fetchPage(address, signal);
    if (!page?.ok || page.failed || signal.aborted) return;
    place(page.document, document.querySelectorAll(FOUND));
    address = page.document.body.dataset.checks;
    const news = await measuring;
    if (signal.aborted) return;
    if (news) address ||= first;
    measuring = null;
  }
}

// Of a mail that was sent, all is checked by whoever asks: what its look says comes with the page.
async function showMeasured(signal) {
  if (!document.querySelector(".paper[data-measured]") || !(await measureMail(signal))) return;
  const page = await fetchPage(wanted, signal);
  if (page?.ok && !page.failed && !signal.aborted) place(page.document, document.querySelectorAll(".tabs, .detail"));
}

async function fetchAndPlace(address, anew, replace) {
  underWay.abort();
  underWay = new AbortController();
  const { signal } = underWay;
  wanted = address;
  replaces = replace;
  stale ||= anew;
  const ahead = stale ? prepare() : null;
  const page = await fetchPage(address, signal, { headers: { prefer: "respond-async" } });
  if (!page || signal.aborted) {
    ahead?.discard();
    if (!signal.aborted) document.dispatchEvent(new Event("unanswered"));
    return null;
  }
  if (page.failed) {
    ahead?.discard();
    return null;
  }
  const moved = page.address !== location.href.split("#")[0];
  wanted = page.address;
  replaces = false;
  if (moved) history[replace ? "replaceState" : "pushState"](null, "", page.address);
  document.title = page.document.title;
  Object.assign(document.body.dataset, page.document.body.dataset);
  place(page.document, document.querySelectorAll("[data-region]"), page.address !== here);
  here = page.address;
  if (moved) chosen()?.scrollIntoView({ block: "nearest" });
  await settle(page.document, ahead, signal);
  if (signal.aborted) return null;
  stale = false;
  await painted();
  check(signal);
  return !document.querySelector(".fault");
}

// A page that failed has nothing to show: what is here stays, and the status line says so ("failed", else "answered").
async function fetchPage(address, signal, options) {
  try {
    const response = await fetch(address, { signal, ...options });
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    const failed = response.status >= 500 || !page.querySelector("[data-region]");
    document.dispatchEvent(new Event(failed ? "failed" : "answered"));
    return { address: response.url, ok: response.ok, failed, document: page };
  } catch {
    return null;
  }
}

// Puts the regions of a page in place of those that are here. What was unfolded stays so, but for a question, which is
// about what is here; on the same page, what was folded does, too.
function place(page, regions, elsewhere = false) {
  const focus = remembered();
  for (const region of regions) {
    const next = page.querySelector(`[data-region="${region.dataset.region}"]`);
    if (!next) continue; // what only some pages have stands in their canvas
    for (const details of region.querySelectorAll("details[id]")) {
      const { id, open } = details;
      const stays = !elsewhere || (open && !details.querySelector("form[method=post]"));
      if (stays) next.querySelector(`#${id}`)?.toggleAttribute("open", open);
    }
    if (region.innerHTML === next.innerHTML) continue;
    if (region.querySelector(TYPED_IN) && next.querySelector(TYPED_IN)) blend(region, next);
    else region.replaceChildren(...next.childNodes);
  }
  focus();
}

// Focus stays where it was, or goes where that says when it is gone; on the chosen row of the list it goes with the
// choice.
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
