// Shows times in the reader's zone, which the service could only guess. Warns again shortly before a link expires.
// The browser shows the page after this has run (`blocking="render"`), so that no text moves while it is read.

import { beforeEnd, momentText } from "./moments.js";

for (const time of document.querySelectorAll("time")) {
  const moment = new Date(time.dateTime);
  time.textContent = momentText(moment, document.documentElement.lang);

  const told = time.closest(".until");
  if (told) beforeEnd(moment, () => {
    told.classList.add("soon");
    told.setAttribute("role", "alert");
  });
}
