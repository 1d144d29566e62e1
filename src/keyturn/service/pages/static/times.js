// Shows times in the reader's zone, which the service could only guess. Says the end of a link once more before it.
// The page is shown after this has run (`blocking="render"`), so that no text moves under the reader's eyes.

const { lang } = document.documentElement;
const SOON = 120_000; // milliseconds before the end
const LONGEST_WAIT = 2 ** 31 - 1; // of a timer

for (const time of document.querySelectorAll("time")) {
  const moment = new Date(time.dateTime);
  const today = moment.toDateString() === new Date().toDateString();
  // English as the whole world reads it: the day before the month.
  time.textContent = moment.toLocaleString(lang === "en" ? "en-GB" : lang, {
    ...(!today && { day: "numeric", month: "long", year: "numeric" }),
    hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZoneName: "short",
  });

  const told = time.closest(".until"), wait = moment - Date.now() - SOON;
  if (told && wait <= LONGEST_WAIT) setTimeout(() => {
    told.classList.add("soon");
    told.setAttribute("role", "alert");
  }, wait);
}
