// Says times in the zone of who reads, which the page could only guess.

const { lang } = document.documentElement;

for (const time of document.querySelectorAll("time")) {
  const moment = new Date(time.dateTime);
  const today = moment.toDateString() === new Date().toDateString();
  // English as the whole world reads it: the day before the month.
  time.textContent = moment.toLocaleString(lang === "en" ? "en-GB" : lang, {
    ...(!today && { day: "numeric", month: "long", year: "numeric" }),
    hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZoneName: "short",
  });
}
