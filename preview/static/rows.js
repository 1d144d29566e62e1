// The list of the inbox: j and k go from mail to mail. The times are renewed each minute.

import { keysAreOn } from "./keys.js";
import { visit } from "./page.js";

const EACH = ".captured li > a";

export function useRows() {
  document.addEventListener("keydown", ({ key, target, ctrlKey, metaKey, altKey }) => {
    const rows = [...document.querySelectorAll(EACH)];
    if (!rows.length || ctrlKey || metaKey || altKey || !keysAreOn() || document.querySelector("dialog[open]")) return;
    if (target.closest("input, select, textarea")) return;
    const at = rows.indexOf(target.closest("li")?.querySelector("a"));
    if (key === "j") rows[Math.min(at + 1, rows.length - 1)].focus();
    else if (key === "k") rows[Math.max(at - 1, 0)].focus();
  });
  setInterval(() => document.querySelector(EACH) && !document.hidden && visit(), 60_000);
}
