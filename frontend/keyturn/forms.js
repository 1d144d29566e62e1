import { createClient, KeyturnError, PROBLEM } from "./client.js";
import { kept, languageOf, make, rest } from "./making.js";
import { CSS } from "./style.js";

/** @typedef {import("../keyturn.js").Texts} Texts */
/** @typedef {import("../keyturn.js").KeyturnError} Refusal */
/** @typedef {{ box: HTMLElement, input: HTMLInputElement, complain: (text: string) => void }} Field */

/** What the three elements have in common: words, views that take turns, and how something is tried and refused. */
export class Forms {
  /** @type {Partial<Texts>} What can be said before Keyturn was reached. */
  words = {
    unloaded: "This form could not be loaded",
    unreachable: "The service cannot answer at the moment.",
    retry: "Try again",
  };

  /** @param {HTMLElement & { texts?: Partial<Texts> }} host */
  constructor(host) {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(CSS);
    this.host = host;
    this.given = new Map([...host.attributes].map(({ name, value }) => [name, value]));
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
      const [{ lang, dir, texts }, found] = await Promise.all([this.client.texts(this.language), this.needed()]);
      Object.assign(this.root, { lang, dir });
      this.words = { ...texts, ...this.ownWords() };
      this.alert.textContent = "";
      this.open(found);
    };
    /** @param {Refusal} _ @param {string} text */
    const tell = (_, text) => {
      this.alert.textContent = text;
      if (!retry.isConnected) this.show(this.title(this.say("unloaded")), this.alert, retry);
    };
    const own = this.ownWords();
    this.words = { ...this.words, ...own };
    if (!this.root.lang && !own.unreachable) Object.assign(this.root, { lang: "en", dir: "ltr" });
    this.host.setAttribute("aria-busy", "true");
    return this.attempt(retry, open, tell).finally(() => this.host.removeAttribute("aria-busy"));
  }

  /** @returns {Promise<any>} What the first view needs beside the words. */
  async needed() {}

  /** Shows the first view. @param {any} [_found] */
  open(_found) {}

  /** @param {string} name */
  attribute(name) {
    return this.given.get(name);
  }

  /** @returns {Partial<Texts>} */
  ownWords() {
    try {
      return this.host.texts ?? JSON.parse(this.attribute("texts") ?? "{}");
    } catch (cause) {
      console.error(`<${this.host.localName}>: the attribute "texts" is not JSON.`, cause);
      return {};
    }
  }

  /** @param {keyof Texts} name @param {Record<string, string>} [values] */
  say(name, values = {}) {
    return (this.words[name] ?? "").replace(/\{(\w+)\}/g, (_, key) => values[key] ?? "");
  }

  /** What stands in <b> becomes one. @param {keyof Texts} name @param {Record<string, string>} values */
  rich(name, values) {
    return this.say(name, values).split(/<\/?b>/).map((text, at) => at % 2 ? make("b", {}, text) : text);
  }

  /** @param {string} name @param {unknown} detail */
  emit(name, detail) {
    this.host.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true }));
  }

  /** @param {HTMLElement[]} views */
  show(...views) {
    this.root.replaceChildren(...views.filter((view) => view === this.alert || view.hasChildNodes()));
  }

  /** Shows what came of something that a person did, and takes the focus there. @param {HTMLElement[]} views */
  turnTo(...views) {
    this.show(...views);
    /** @type {HTMLElement | null} */ (this.root.querySelector("[part=heading]"))?.focus();
  }

  /** @param {string} heading @param {(Node | string)[]} lead */
  title(heading, ...lead) {
    const level = /** @type {"h2"} */ (`h${/^[1-6]$/.exec(this.attribute("heading-level") ?? "") ?? 2}`);
    return make("hgroup", {},
      heading ? make(level, { part: "heading", tabindex: -1 }, heading) : null,
      lead.join("") ? make("p", { part: "lead" }, ...lead) : null);
  }

  /**
   * A button that sends its form, unless there is something else to do.
   * @param {keyof Texts} text @param {() => unknown} [press]
   */
  button(text, press, part = "button") {
    return make("button", { part, type: press ? "button" : "submit", click: press }, this.say(text));
  }

  /** @param {string} attribute @param {keyof Texts} text */
  link(attribute, text, part = "link") {
    const href = this.attribute(attribute);
    return href === undefined ? null : make("a", { part, href }, this.say(text));
  }

  /** @param {(Node | null)[]} links */
  links(...links) {
    return make("p", { part: "links" }, ...links);
  }

  /** @param {string} id */
  error(id) {
    return make("p", { id, part: "error", role: "alert" });
  }

  /** The line on which a clock runs. @returns {HTMLElement} */
  clock() {
    return make("p", { part: "note clock" });
  }

  /** @param {"email" | "password" | "again" | "code"} name @param {Record<string, unknown>} attributes @returns {Field} */
  field(name, attributes) {
    const error = this.error(`${name}-error`);
    const input = make("input", {
      id: name, name, part: "input", autocapitalize: "none", spellcheck: false, "aria-describedby": error.id,
      ...attributes,
    });
    /** @param {string} text */
    const complain = (text) => {
      error.textContent = text;
      if (text) input.setAttribute("aria-invalid", "true");
      else input.removeAttribute("aria-invalid");
    };
    input.addEventListener("input", () => complain(""));
    const label = make("label", { for: name, part: "label" }, this.say(name));
    return { box: make("div", { class: "field" }, label, input, error), input, complain };
  }

  /** @param {() => unknown} submit @param {HTMLElement[]} rows */
  form(submit, ...rows) {
    const send = (/** @type {Event} */ event) => {
      event.preventDefault();
      submit();
    };
    return make("form", { novalidate: "", submit: send }, ...rows);
  }

  /**
   * Does what a button is for, once at a time, and lets it rest for as many seconds as `work` or the refusal says.
   * @param {HTMLElement} button @param {() => Promise<number | void>} work
   * @param {(error: Refusal, text: string) => void} tell @param {HTMLElement} [clock]
   */
  async attempt(button, work, tell, clock) {
    if (button.matches("[aria-busy], [aria-disabled]")) return;
    button.setAttribute("aria-busy", "true");
    let seconds, before = "";
    try {
      seconds = await work();
      before = `${this.say("nothing")} `;
    } catch (error) {
      if (!(error instanceof KeyturnError)) throw error;
      const refusal = /** @type {Refusal} */ (/** @type {unknown} */ (error));
      const told = refusal.type.startsWith(PROBLEM) && refusal.status;
      tell(refusal, told ? [refusal.title, refusal.detail].join("\n").trim() : this.say("unreachable"));
      seconds = refusal.retryAfter;
      this.emit("keyturn-error", refusal);
    } finally {
      button.removeAttribute("aria-busy");
    }
    if (seconds !== undefined) this.rest(button, seconds, clock, before);
  }

  /** Says why something was refused. @param {Refusal} _ @param {string} text */
  tell = (_, text) => {
    this.alert.textContent = text;
  };

  /** `before` is said before the clock, and what to do after it. @param {HTMLElement} button @param {number} seconds */
  rest(button, seconds, clock = this.clock(), before = "") {
    rest(button, seconds, (wait) => {
      const text = wait ? this.rich("askAgainIn", { wait }) : [before && this.say("askAgain")];
      clock.replaceChildren(before, ...text);
    });
  }

  /**
   * Asks for a mail, and says for how many seconds nobody should ask again. Until these are over nothing is asked, in
   * this tab, by whichever element: no mail would be sent, and a new minute would be none of waiting for one.
   * @param {string} email
   */
  async request(email) {
    const sent = `keyturn-sent ${email.toLowerCase()}`, left = (kept(sent) - Date.now()) / 1000;
    if (left > 0) return left;
    await this.client.requestReset(email);
    this.emit("keyturn-sent", { email });
    const cooldown = Number(this.attribute("cooldown") ?? 60);
    kept(sent, Date.now() + cooldown * 1000);
    return cooldown;
  }
}
