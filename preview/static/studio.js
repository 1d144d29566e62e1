// The scripts load pages without a flash, and update them after a change. Reading works without scripts.

import { hold } from "./blend.js";
import { check, visit, settled } from "./page.js";
import { listen } from "./events.js";
import { useData } from "./data.js";
import { useEditing } from "./editing.js";
import { useFrames } from "./frame.js";
import { useHandle } from "./handle.js";
import { useKeys } from "./keys.js";
import { useCopying, useMenus } from "./menu.js";
import { usePalette } from "./palette.js";
import { openPanel, usePanels } from "./panels.js";
import { usePixels, watch } from "./pixels.js";
import { useSheet } from "./sheet.js";

const home = document.body.dataset.home;
const PAUSE = 200; // ms without a key, longer than the gap between two keys
let waiting = 0;

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[href]");
  if (link) clearTimeout(waiting);
  const plain = event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey;
  if (!link || !plain || !isPage(link) || link.href.startsWith(`${location.href.split("#")[0]}#`)) return;
  event.preventDefault();
  open(link.href);
});

// A GET form opens its address with the filled-in values. With `data-at-once` each choice submits it. A field with
// `data-as-typed` does so while the user types, and only the first of many changes adds an entry to the history.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "get") return pressOnce(event.submitter);
  event.preventDefault();
  clearTimeout(waiting);
  const filled = new URLSearchParams([...new FormData(form)].filter(([, value]) => value !== ""));
  const address = `${form.action.split(/[?#]/)[0]}${filled.size ? `?${filled}` : ""}`;
  const typed = form.querySelector("[data-as-typed]");
  if (!typed) open(address);
  else if (address !== location.href) visit(address, { replace: new URLSearchParams(location.search).has(typed.name) });
});

// A second press would be refused, unless the browser asks about unsaved text and the user stays.
function pressOnce(button) {
  const disable = (is) => button?.toggleAttribute("disabled", is);
  disable(true);
  addEventListener("beforeunload", (event) => event.defaultPrevented && setTimeout(disable, 0, false), { once: true });
}

document.addEventListener("change", ({ target }) => {
  if (target.form?.hasAttribute("data-at-once")) target.form.requestSubmit();
});

// New pages do not change such a field, or one with `data-held`, which waits for the Enter key.
document.addEventListener("input", ({ target }) => {
  if (!target.matches("[data-as-typed], [data-held]")) return;
  hold(target);
  clearTimeout(waiting);
  if (target.matches("[data-as-typed]")) waiting = setTimeout(() => target.form?.requestSubmit(), PAUSE);
});

addEventListener("popstate", () => {
  clearTimeout(waiting);
  visit(location.href);
});

async function open(address) {
  const [page, place] = address.split("#");
  visit(page);
  if (!place) return;
  await settled();
  if (location.href.split("#")[0] === new URL(page, location.href).href) location.replace(`#${place}`);
}

function isPage(link) {
  const inside = link.origin === location.origin && `${link.pathname}/`.startsWith(`${home}/`);
  return inside && !link.target && !link.hasAttribute("download");
}

// A link in a mail is not followed, but shown in the list of links. A link in a hosted page opens the preview of its target.
async function show(address) {
  if (document.body.dataset.page === "hosted") return lead(address);
  openPanel("details");
  const tab = document.getElementById("tab-links");
  const there = new URL(tab.href);
  if (!tab.checkVisibility()) there.searchParams.set("pane", "details");
  visit(there.href);
  await settled();
  const entry = [...document.querySelectorAll("[data-address]")].find((item) => item.dataset.address === address);
  if (entry) location.replace(`#${entry.id}`);
}

function lead(address) {
  const there = new URL(address, document.querySelector(".paper iframe").src);
  const [, state] = there.pathname.split(`${home}/page-frames/`)[1]?.split("/") ?? [];
  if (!state) return;
  const query = new URLSearchParams(location.search);
  if (there.searchParams.has("lang")) query.set("lang", there.searchParams.get("lang"));
  open(`${home}/pages/${state}?${query}`);
}

const list = document.querySelector('.list [data-region="list"]');
(list.querySelector('[aria-current="page"]') ?? list.querySelector(".row.open"))?.scrollIntoView({ block: "nearest" });
useFrames({ onLink: show, onDocument: watch }).then(() => check());
useHandle();
useCopying();
useMenus();
usePixels();
useKeys();
useData();
useEditing();
usePalette();
usePanels();
useSheet();
listen();
