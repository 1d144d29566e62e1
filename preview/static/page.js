// A page is fetched as it is and its regions are put in place, so the address stays the only state there is.

import { prepare, settle } from "./frame.js";

let underWay = new AbortController();
let wanted = location.href;
let last = Promise.resolve();

// Draws the page at `address`, or the one that is there or on its way. With `anew` the mail in the frame is drawn again
// too, as after a save. Resolves once it is on the screen: to true if the page shows no fault, to false if it does, to
// null if another page overtook it or it could not be had.
export function draw(address = wanted, { anew = false } = {}) {
  last = fetchAndPlace(address, anew);
  return last;
}

// Resolves when the page that was asked for last is there.
export function settled() {
  return last;
}

async function fetchAndPlace(address, anew) {
  underWay.abort();
  underWay = new AbortController();
  const { signal } = underWay;
  wanted = address;
  const ahead = anew ? prepare() : null;
  const page = await fetchPage(address, signal);
  if (!page || signal.aborted) {
    ahead?.discard();
    return null;
  }
  const moved = page.address !== location.href.split("#")[0];
  if (moved) history.pushState(null, "", page.address);
  const focus = remembered();
  document.title = page.document.title;
  Object.assign(document.body.dataset, page.document.body.dataset);
  for (const region of document.querySelectorAll("[data-region]")) {
    const next = page.document.querySelector(`[data-region="${region.dataset.region}"]`);
    if (region.innerHTML !== next.innerHTML) region.replaceChildren(...next.childNodes);
  }
  focus();
  if (moved) chosen()?.scrollIntoView({ block: "nearest" });
  await settle(page.document, ahead, signal);
  if (signal.aborted) return null;
  await painted();
  return !document.querySelector(".fault");
}

async function fetchPage(address, signal) {
  try {
    const response = await fetch(address, { signal });
    const text = await response.text();
    return { address: response.url, document: new DOMParser().parseFromString(text, "text/html") };
  } catch {
    if (!signal.aborted && address !== location.href) location.assign(address);
    return null;
  }
}

// Focus stays where it was; on the chosen row of the list it goes with the choice.
function remembered() {
  const { activeElement } = document;
  const follows = activeElement === chosen();
  return () => {
    const again = follows ? chosen() : document.getElementById(activeElement.id);
    if (again && document.activeElement === document.body) again.focus({ preventScroll: true });
  };
}

function chosen() {
  return document.querySelector('.list [aria-current="page"]');
}

function painted() {
  return new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
}
