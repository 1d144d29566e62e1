// Counts down how long to wait, and lets the button be pressed after it. The page came with the seconds left.

for (const text of document.querySelectorAll("[data-countdown]")) {
  const until = Date.now() + Number(text.dataset.countdown) * 1000;
  const button = (text.closest("form") ?? document.querySelector("main form")).querySelector("[type=submit]");
  const clock = text.querySelector("b");
  const { lang } = document.documentElement;
  const said = new Intl.RelativeTimeFormat(lang);
  let timer;

  const tick = () => {
    const left = Math.ceil((until - Date.now()) / 1000);
    button.disabled = left > 0;
    if (left > 0) {
      const wait = left < 60 ? said.format(left, "second") : said.format(Math.ceil(left / 60), "minute");
      clock.textContent = lang === "ja" ? wait.replaceAll(" ", "") : wait; // as Language.in_time
    } else {
      text.textContent = text.dataset.after;
      clearInterval(timer);
    }
  };

  timer = setInterval(tick, 250);
  tick();
}
