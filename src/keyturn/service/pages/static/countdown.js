// Counts down the wait that the page came with, and enables the button after it.

import { countDown, inTime } from "./moments.js";

for (const text of document.querySelectorAll("[data-countdown]")) {
  const button = (text.closest("form") ?? document.querySelector("main form")).querySelector("[type=submit]");
  const clock = text.querySelector("b");

  countDown(Number(text.dataset.countdown), (left) => {
    button.disabled = left > 0;
    if (left) clock.textContent = inTime(left, document.documentElement.lang);
    else text.textContent = text.dataset.after;
  });
}
