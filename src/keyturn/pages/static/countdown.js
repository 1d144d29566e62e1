// Counts down how long to wait, and lets the button be pressed after it. The page came with the seconds left.

for (const text of document.querySelectorAll("[data-countdown]")) {
  const until = Date.now() + Number(text.dataset.countdown) * 1000;
  const button = (text.closest("form") ?? document.querySelector("main form")).querySelector("[type=submit]");
  const clock = text.querySelector("b");
  let timer;

  const tick = () => {
    const left = Math.ceil((until - Date.now()) / 1000);
    button.disabled = left > 0;
    if (left > 0) {
      clock.textContent = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
    } else {
      text.textContent = text.dataset.after;
      clearInterval(timer);
    }
  };

  timer = setInterval(tick, 250);
  tick();
}
