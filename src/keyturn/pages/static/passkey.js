// Creates a passkey, or signs in with one. The form that offers it is hidden where a browser knows no passkeys, and holds
// the browser's answer when it is sent.

import { setBusy, tellAway } from "./once.js";

const PATIENCE = 20_000; // milliseconds
const canUse = Boolean(window.PublicKeyCredential && navigator.credentials?.create);

const bytesOf = (text) => {
  const plain = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(plain, (letter) => letter.charCodeAt(0));
};
const textOf = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer)))
  .replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");

/** The options as `navigator.credentials` takes them: older browsers do not read WebAuthn's JSON. */
const read = (options) => {
  const publicKey = { ...options, challenge: bytesOf(options.challenge) };
  if (options.user) publicKey.user = { ...options.user, id: bytesOf(options.user.id) };
  for (const list of ["excludeCredentials", "allowCredentials"]) {
    if (options[list]) publicKey[list] = options[list].map((each) => ({ ...each, id: bytesOf(each.id) }));
  }
  return { publicKey };
};

const write = (credential) => {
  const { id, rawId, type, response, authenticatorAttachment } = credential;
  const answer = { transports: response.getTransports?.() };
  for (const part of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"]) {
    if (response[part]) answer[part] = textOf(response[part]);
  }
  return JSON.stringify({
    id, type, authenticatorAttachment, rawId: textOf(rawId), response: answer,
    clientExtensionResults: credential.getClientExtensionResults(),
  });
};

const ask = async (form) => {
  const answer = await fetch(form.dataset.options, {
    method: "POST",
    headers: { Accept: "application/json", "Accept-Language": document.documentElement.lang },
    body: new URLSearchParams([["_csrf_token", new FormData(form).get("_csrf_token")]]),
    redirect: "error",
    signal: AbortSignal.timeout?.(PATIENCE),
  });
  if (!answer.ok) throw new Error(answer.status);
  const { state, options } = await answer.json();
  const credential = await navigator.credentials[form.dataset.passkey](read(options));
  form.elements.credential.value = write(credential);
  form.elements.state.value = state;
};

for (const form of canUse ? document.querySelectorAll("[data-passkey]") : []) {
  const status = form.querySelector("[role=alert]");
  form.hidden = false;
  form.closest("[data-offer]")?.removeAttribute("hidden");
  form.addEventListener("submit", async (event) => {
    if (form.elements.credential.value) return;
    event.preventDefault();
    if (form.dataset.asking) return;
    form.dataset.asking = "yes";
    status.textContent = "";
    setBusy(form, true);
    try {
      await ask(form);
    } catch (error) {
      setBusy(form, false);
      if (error instanceof TypeError && !navigator.onLine) tellAway(form);
      else status.textContent = form.dataset.failed;
    }
    delete form.dataset.asking;
    if (form.elements.credential.value) {
      setBusy(form, false);
      form.requestSubmit();
    }
  });
}

// Coming back with the browser's own button finds an answer that was used.
window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("[data-passkey]")) form.elements.credential.value = "";
});
