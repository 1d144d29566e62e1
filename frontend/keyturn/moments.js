// Moments and waits as the elements and the hosted pages show them.

// Milliseconds before the end of a link at which the form tells it once more.
const SOON = 120_000;
// The longest wait of a timer, in milliseconds.
const LONGEST_WAIT = 2 ** 31 - 1;

/**
 * Formats a moment as the email does, "14:32 UTC", but in the reader's time zone.
 * @param {Date} moment @param {string} language
 */
export const momentText = (moment, language) => {
  const today = moment.toDateString() === new Date().toDateString();
  // International English puts the day before the month.
  return moment.toLocaleString(language === "en" ? "en-GB" : language, {
    ...(!today && { day: "numeric", month: "long", year: "numeric" }),
    hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZoneName: "short",
  });
};

/** Calls `tell` shortly before the end of a link. @param {Date} end @param {() => void} tell */
export const beforeEnd = (end, tell) => {
  const wait = end.getTime() - Date.now() - SOON;
  if (wait <= LONGEST_WAIT) setTimeout(tell, wait);
};

/**
 * Returns "in 50 seconds" or, from a minute on, "in 2 minutes", as the language says it.
 * @param {number} seconds @param {string} language
 */
export const inTime = (seconds, language) => {
  const said = new Intl.RelativeTimeFormat(language || undefined);
  const text = seconds < 60 ? said.format(seconds, "second") : said.format(Math.ceil(seconds / 60), "minute");
  // Language.in_time of the service does the same.
  return language === "ja" ? text.replaceAll(" ", "") : text;
};

/**
 * Passes the seconds left to `tell`, at once and until they are 0.
 * @param {number} seconds @param {(left: number) => void} tell
 */
export const countDown = (seconds, tell) => {
  const until = Date.now() + seconds * 1000;
  const tick = () => {
    const left = Math.max(Math.ceil((until - Date.now()) / 1000), 0);
    tell(left);
    if (!left) clearInterval(timer);
  };
  const timer = setInterval(tick, 250);
  tick();
};
