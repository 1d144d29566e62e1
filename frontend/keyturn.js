// Keyturn in your own pages: a client of its API, and three elements made of it. Its types are in keyturn.d.ts.

/** @typedef {import("./keyturn.js").Texts} Texts */
/** @typedef {import("./keyturn.js").Problem & Error} Refusal */
/** @typedef {import("./keyturn.js").LiveLink & { token: string, rules: import("./keyturn.js").Rule[] }} Opened */
/** @typedef {{ box: HTMLElement, input: HTMLInputElement, complain: (text: string) => void }} Field */

const PROBLEM = "urn:keyturn:problem:";
const PATIENCE = 20_000; // milliseconds that an answer may take
const TOKEN = /^(.*)\/([\w-]{43})\/?$/; // at the end of a path: 32 bytes in base64url

/** What Keyturn refused, in the words of its problem document (RFC 9457), or that nothing of Keyturn's answered. */
export class KeyturnError extends Error {
  /** @param {Partial<import("./keyturn.js").Problem>} problem @param {ErrorOptions} [options] */
  constructor({ type = "about:blank", status = 0, title = "", detail = "", ...members }, options) {
    super(detail || title, options);
    const { violations = [], errors = [], retryAfter, reason } = members;
    Object.assign(this, { name: "KeyturnError", type, status, title, detail, violations, errors, retryAfter, reason });
  }
}

/** @param {import("./keyturn.js").ClientOptions} [options] @returns {import("./keyturn.js").Client} */
export function createClient({ url = "", path = "/api/auth", language = "" } = {}) {
  const root = url.replace(/\/+$/, "") + `/${path}/`.replace(/\/{2,}/g, "/");

  /** @param {string} name @param {object} [body] */
  const call = async (name, body) => {
    try {
      const answer = await fetch(root + name, {
        method: body ? "POST" : "GET",
        headers: { ...(language && { "Accept-Language": language }), ...(body && { "Content-Type": "application/json" }) },
        body: body && JSON.stringify(body),
        redirect: "error", // it would take a token and a password to wherever it points
        referrerPolicy: "no-referrer",
        signal: AbortSignal.timeout(PATIENCE),
      });
      const said = await answer.json();
      if (answer.ok) return said;
      throw new KeyturnError({ status: answer.status, ...said });
    } catch (cause) {
      if (cause instanceof KeyturnError) throw cause;
      throw new KeyturnError({ type: `${PROBLEM}unreachable`, title: `Keyturn does not answer at ${root}` }, { cause });
    }
  };

  return {
    requestReset: (email) => call("request-password-reset", { email }),
    validate: (token, { email } = {}) => call("validate-reset-token", { token, email }),
    reset: (token, newPassword, more = {}) => call("reset-password", { token, newPassword, ...more }),
    changePassword: (currentPassword, newPassword) => call("change-password", { currentPassword, newPassword }),
    policy: () => call("password-policy"),
    texts: (lang) => call(`texts?lang=${encodeURIComponent(lang)}`),
  };
}

const CSS = `
:host { display: block; max-width: 384px; }
:host([hidden]) { display: none; }
*, ::before, ::after { box-sizing: border-box; }
.root {
  --accent: var(--keyturn-accent, light-dark(#14614b, #6fd3ae));
  --on-accent: var(--keyturn-on-accent, light-dark(#ffffff, #0b1f18));
  --ink: var(--keyturn-ink, light-dark(#1c1b19, #ecebe6));
  --muted: var(--keyturn-muted, light-dark(#66635c, #a8a59c));
  --panel: var(--keyturn-panel, light-dark(#ffffff, #1b1b18));
  --line: var(--keyturn-line, light-dark(#e3dfd6, #2c2b27));
  --error: var(--keyturn-error, light-dark(#b3261e, #ff9b90));
  --warning: var(--keyturn-warning, light-dark(#8a5a00, #e6b450));
  --radius: var(--keyturn-radius, 8px);
  --edge: color-mix(in srgb, var(--muted) 75%, var(--panel));
  display: grid; gap: 24px; color: var(--ink); overflow-wrap: anywhere;
  font: 16px/25px var(--keyturn-font, system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif);
}
hgroup, h1, h2, h3, h4, h5, h6, p, ul { margin: 0; }
[part=heading] { font-size: 28px; line-height: 34px; font-weight: 600; letter-spacing: -0.02em; text-wrap: balance; }
[part=heading]:focus { outline: none; }
[part=lead] { margin-top: 8px; color: var(--muted); }
[part=note], [part=error], [part=rules], [part=label] { font-size: 14px; line-height: 20px; }
[part=note], [part=rules] { color: var(--muted); }
[part=error] { color: var(--error); white-space: pre-line; }
[part=error]:empty, [part=links]:empty { display: none; }
[part=panel], .card { border: 1px solid var(--line); border-radius: calc(var(--radius) * 1.5); background: var(--panel); }
[part=panel] { display: grid; gap: 12px; padding: 16px 20px; font-size: 15px; line-height: 23px; }
.card { gap: 20px; padding: clamp(16px, 5vw, 24px); }
.card [part=heading] { font-size: 20px; line-height: 26px; letter-spacing: -0.01em; }
form, .field, .action { display: grid; }
form { gap: 24px; }
.field > [part=error] { margin-top: 6px; }
.action > :not(:empty) + [part~=button] { margin-top: 20px; }
[part=label] { margin-bottom: 6px; font-weight: 600; }
[part=input] {
  width: 100%; min-height: 48px; padding: 10px 14px; border: 1px solid var(--edge); border-radius: var(--radius);
  background: var(--panel); color: inherit; font: inherit;
}
[part=input]:focus-visible { outline: 3px solid color-mix(in srgb, var(--accent) 30%, transparent); border-color: var(--accent); }
[part=input][aria-invalid] { border-color: var(--error); }
button, a { font: inherit; cursor: pointer; }
:is(a, button):focus-visible { outline: 2px solid var(--accent); outline-offset: 3px; border-radius: var(--radius); }
[part~=button] {
  min-height: 48px; padding: 11px 14px; border: 1px solid transparent; border-radius: var(--radius);
  background: var(--accent); color: var(--on-accent); font-weight: 600; text-align: center; text-decoration: none;
}
[part~=button]:hover { background: color-mix(in srgb, var(--accent) 88%, var(--ink)); }
[part~=second] { border-color: var(--edge); background: transparent; color: var(--ink); }
[part~=second]:hover { background: color-mix(in srgb, var(--ink) 5%, transparent); }
[part~=button][aria-disabled] { border-color: var(--line); background: transparent; color: var(--muted); cursor: default; }
[part=clock] { font-variant-numeric: tabular-nums; }
[part=links] { display: flex; flex-wrap: wrap; gap: 0 24px; }
[part=links] > [part~=button] { flex: 1; }
[part=link] { padding: 10px 0; border: 0; background: none; color: var(--accent); line-height: 24px; font-weight: 500; }
[part=link]:not(:hover) { text-decoration: none; }
[part=reveal] {
  position: absolute; inset-block: 2px; inset-inline-end: 2px; padding: 8px 14px; border: 0; background: none;
  color: var(--muted); font-size: 14px; font-weight: 500;
}
[part=reveal]:hover { color: var(--ink); }
[part=reveal]:focus-visible { outline-offset: -4px; }
.secret { position: relative; }
.secret [part=input] { padding-inline-end: 96px; }
[dir=rtl] [part=input] { direction: ltr; text-align: right; padding-inline: 14px; }
[dir=rtl] .secret [part=input] { padding-left: 96px; }
[dir=rtl] * { letter-spacing: normal !important; }
[part=meter] { height: 4px; margin-top: -12px; border-radius: 2px; background: var(--line); overflow: hidden; }
[part=bar] { display: block; width: 0; height: 100%; border-radius: 2px; background: var(--warning); transition: width 0.2s; }
[aria-valuenow="1"] [part=bar] { width: 25%; }
[aria-valuenow="2"] [part=bar] { width: 50%; }
[aria-valuenow="3"] [part=bar] { width: 75%; background: var(--accent); }
[aria-valuenow="4"] [part=bar] { width: 100%; background: var(--accent); }
[part=rules] { display: grid; gap: 4px; margin-top: -12px; padding: 0; list-style: none; }
li { position: relative; padding-inline-start: 24px; }
li::before {
  content: ""; position: absolute; inset-inline-start: 2px; top: 4px; width: 12px; height: 12px;
  border: 1.5px solid currentcolor; border-radius: 50%;
}
[part~=later]::before { inset-inline-start: 6px; top: 8px; width: 4px; height: 4px; border: 0; background: currentcolor; }
[part~=broken] { color: var(--error); }
[part~=met] { color: var(--accent); }
[part~=met]::before {
  inset-inline-start: 5px; top: 3px; width: 5px; height: 10px;
  border-width: 0 1.75px 1.75px 0; border-radius: 0; transform: rotate(45deg);
}
.unseen { position: absolute; width: 1px; height: 1px; margin: -1px; padding: 0; border: 0; overflow: hidden; clip-path: inset(50%); }
@media (prefers-reduced-motion: reduce) { * { transition: none !important; } }
@media (forced-colors: active) { [part=bar] { background: Highlight !important; } [part=meter] { border: 1px solid; } }
`;

/**
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag @param {Record<string, unknown>} attributes @param {(Node | string | null)[]} children
 */
const make = (tag, attributes, ...children) => {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name, /** @type {EventListener} */ (value));
    else if (value !== undefined) element.setAttribute(name, String(value));
  }
  element.append(...children.filter((child) => child !== null));
  return element;
};

/** Lets a button rest, and counts the seconds down in it. @param {HTMLElement} button @param {number} seconds */
const rest = (button, seconds) => {
  const until = Date.now() + seconds * 1000, clock = make("bdi", { part: "clock" });
  const tick = () => {
    const left = Math.ceil((until - Date.now()) / 1000);
    clock.textContent = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
    if (left > 0) return;
    clearInterval(timer);
    clock.remove();
    button.removeAttribute("aria-disabled");
  };
  button.setAttribute("aria-disabled", "true"); // and not `disabled`, which would take the focus away
  button.append(" ", clock);
  const timer = setInterval(tick, 250);
  tick();
};

/** @param {HTMLElement} element */
const languageOf = (element) => {
  for (let at = element; at; at = /** @type {ShadowRoot} */ (at.getRootNode()).host) {
    const found = at.closest("[lang]")?.getAttribute("lang");
    if (found) return found;
  }
  return navigator.language;
};

/** What the elements have in common: words, views that take turns, and how something is tried and refused. */
class Forms {
  /** @type {Partial<Texts>} What can be said before Keyturn was reached. */
  words = { unreachable: "The service cannot answer at the moment", retry: "Try again" };

  /** @param {HTMLElement & { texts?: Partial<Texts> }} host */
  constructor(host) {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(CSS);
    this.host = host;
    this.root = make("div", { class: "root", part: "root" });
    const shadow = host.attachShadow({ mode: "open" });
    shadow.adoptedStyleSheets = [sheet]; // no inline style: a strict Content-Security-Policy holds
    shadow.append(this.root);
    this.language = languageOf(host);
    this.client = createClient({ url: this.attribute("url"), path: this.attribute("path"), language: this.language });
    this.alert = this.error("error");
  }

  /** Asks for the words, and for what else the first view needs; until Keyturn answers there is a way to try again. */
  begin() {
    const retry = this.button("retry", () => this.attempt(retry, open, tell));
    const open = async () => {
      const [{ lang, dir, texts }, found] = await Promise.all([this.client.texts(this.language), this.fetch()]);
      Object.assign(this.root, { lang, dir });
      this.words = { ...texts, ...this.ownWords() };
      this.open(found);
    };
    /** @param {Refusal} _ @param {string} text */
    const tell = (_, text) => {
      this.alert.textContent = text;
      if (!retry.isConnected) this.show(this.alert, retry);
    };
    this.words = { ...this.words, ...this.ownWords() };
    return this.attempt(retry, open, tell);
  }
}
