// The scripts load pages without a flash, and update them after a change. Reading works without scripts.

import { check, draw, settled } from "./page.js";
import { listen } from "./events.js";
import { useCopying } from "./copy.js";
import { useData } from "./data.js";
import { useEditing } from "./editing.js";
import { useFrames } from "./frame.js";
import { useHandle } from "./handle.js";
import { useKeys } from "./keys.js";
import { useMenus } from "./menu.js";
import { usePalette } from "./palette.js";
import { openPanel, usePanels } from "./panels.js";
import { usePixels, watch } from "./pixels.js";
import { useRows } from "./rows.js";
import { useSheet } from "./sheet.js";
import { useSnapshots } from "./snapshots.js";
import { useTree } from "./tree.js";
import { useTyping } from "./typing.js";

const home = document.body.dataset.home;
document.querySelector("[data-here]").textContent = location.host + home;

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[href]");
  const plain = event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey;
  if (!link || !plain || !isPage(link) || link.href.startsWith(`${location.href.split("#")[0]}#`)) return;
  event.preventDefault();
  open(link.href);
});

// A GET form opens its address with the filled-in values. With `data-at-once` each choice submits it.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "get") return;
  event.preventDefault();
  const filled = [...new FormData(form)].filter(([, value]) => value !== "");
  open(`${form.action.split(/[?#]/)[0]}?${new URLSearchParams(filled)}`);
});

document.addEventListener("change", ({ target }) => {
  if (target.form?.hasAttribute("data-at-once")) target.form.requestSubmit();
});

addEventListener("popstate", () => draw(location.href));

async function open(address) {
  const [page, place] = address.split("#");
  draw(page);
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
  draw(there.href);
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

useFrames({ onLink: show, onDocument: watch }).then(() => check());
useHandle();
useCopying();
useMenus();
usePixels();
useKeys();
useData();
useEditing();
useTree();
useTyping();
usePalette();
usePanels();
useRows();
useSheet();
useSnapshots();
listen();
