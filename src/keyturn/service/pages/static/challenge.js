// ALTCHA's widget, with its worker and our words; a form that is sent before it is done waits for it.

import "./altcha.min.js";

const policy = globalThis.trustedTypes?.createPolicy("keyturn-worker", { createScriptURL: (url) => url });
const worker = new URL("altcha-pbkdf2.js", import.meta.url).href;
const { algorithms, defaults, i18n } = globalThis.$altcha;
// No signs of how somebody moves are collected: they would be for a paid service of its makers.
defaults.set({ humanInteractionSignature: false, hideFooter: true, hideLogo: true, minDuration: 0 });
algorithms.set("PBKDF2/SHA-256", () => new Worker(policy ? policy.createScriptURL(worker) : worker));

for (const place of document.querySelectorAll("[data-challenge]")) {
  const { lang } = document.documentElement;
  // Its foot is HTML, which no policy for trusted types has seen, and is written before it is hidden.
  i18n.set(lang.toLowerCase(), { ...i18n.get("en"), ...JSON.parse(place.dataset.words), footer: "" });
  const widget = document.createElement("altcha-widget"), form = place.closest("form");
  for (const [name, value] of Object.entries({
    challenge: place.dataset.challenge, name: "altcha", auto: "onload", type: "checkbox", language: lang.toLowerCase(),
  })) widget.setAttribute(name, value);
  place.append(widget);

  let waiting = false;
  widget.addEventListener("statechange", ({ detail }) => {
    if (waiting && detail.state === "verified") setTimeout(() => form.requestSubmit());
    if (detail.state !== "verifying") waiting = false;
  });
  form.addEventListener("submit", (event) => {
    const state = widget.getState?.();
    if (state === "verified" || !state) return;
    event.preventDefault();
    waiting = true;
    if (state !== "verifying") widget.verify();
  });
}
