import { answerTo } from "./challenge.js";
import { createClient, KeyturnError, PROBLEM } from "./client.js";
import { kept, languageOf, make, rest, sentTo } from "./making.js";
import { inTime } from "./moments.js";
import { adopt } from "./style.js";

/** @typedef {import("../keyturn.js").Texts} Texts */
/** @typedef {import("../keyturn.js").KeyturnError} Refusal */
/** @typedef {{ box: HTMLElement, input: HTMLInputElement, complain: (text: string) => void }} Field */

/** Returns a prefix that no other light element of the page has: keyturn-forgot-2 for a second one. @param {Element} host */
const freePrefix = (host) => {
  const page = /** @type {Document | ShadowRoot} */ (host.getRootNode());
  let prefix = host.localName;
  for (let number = 2; page.getElementById(`${prefix}-root`); number++) prefix = `${host.localName}-${number}`;
  return prefix;
};

/** The base class of the elements: texts, views, and attempts with their refusals. */
export class Forms {
  /** @type {Partial<Texts>} The texts to use until Keyturn's own have loaded. */
  words = {
    unloaded: "This form could not be loaded",
    unreachable: "The service is not available right now.",
    retry: "Try again",
    reference: "Reference: {id}",
  };

  /** @param {HTMLElement & { texts?: Partial<Texts> }} host */
  constructor(host) {
    this.host = host;
    this.given = new Map([...host.attributes].map(({ name, value }) => [name, value]));
    // `all` in the styles of the outer box erases the language: Chromium keeps it as a style. So an inner box has it.
    this.root = make("div", { class: "views" });
    this.box = make("div", { class: "root", part: "root" }, this.root);
    // Without a shadow tree, in reach of every password manager, and of the page's own styles.
    this.light = this.attribute("light") !== undefined;
    this.prefix = this.light ? freePrefix(host) : "";
    const tree = this.light ? host : host.attachShadow({ mode: "open" });
    adopt(/** @type {Document | ShadowRoot} */ (this.light ? host.getRootNode() : tree), this.light);
    // A page that is cloned has the boxes of its elements in it.
    for (const copied of this.light ? host.querySelectorAll(":scope > .root") : []) copied.remove();
    // The id takes the prefix, so that no other element gets it.
    if (this.light) this.box.id = this.id("root");
    tree.append(this.box);
    this.language = languageOf(host);
    this.client = createClient({ url: this.attribute("url"), path: this.attribute("path"), language: this.language });
    this.alert = this.error("error");
  }

  /** Loads the texts and the data of the first view. If Keyturn does not answer, it shows a button to try again. */
  begin() {
    const retry = this.button("retry", () => this.attempt(retry, open, tell));
    const open = async () => {
      const [said, found] = await Promise.all([this.client.texts(this.language), this.needed()]);
      const { lang, dir, texts, challenge } = said;
      Object.assign(this.root, { lang, dir });
      this.words = { ...texts, ...this.ownWords() };
      this.challenge = challenge;
      this.service = said;
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

  /** @returns {Promise<any>} The data of the first view, apart from the texts. */
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
      console.error(`<${this.host.localName}>: the attribute "texts" is not valid JSON.`, cause);
      return {};
    }
  }

  /** @param {keyof Texts} name @param {Record<string, string>} [values] */
  say(name, values = {}) {
    return (this.words[name] ?? "").replace(/\{(\w+)\}/g, (_, key) => values[key] ?? "");
  }

  /** Returns a text with its <b> as elements. @param {keyof Texts} name @param {Record<string, string>} values */
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

  /** Shows the result of an action and moves the focus to its heading. @param {HTMLElement[]} views */
  turnTo(...views) {
    this.show(...views);
    const heading = /** @type {HTMLElement | null} */ (this.root.querySelector("[part=heading]"));
    heading?.focus();
  }

  /** @param {string} heading @param {(Node | string)[]} lead */
  title(heading, ...lead) {
    const level = /** @type {"h2"} */ (`h${/^[1-6]$/.exec(this.attribute("heading-level") ?? "") ?? 2}`);
    return make("hgroup", {},
      heading ? make(level, { part: "heading", tabindex: -1 }, heading) : null,
      lead.join("") ? make("p", { part: "lead" }, ...lead) : null);
  }

  /**
   * Returns a button that calls `press`, or submits its form without one.
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

  /** Returns the link back to the page's own sign-in. */
  back() {
    return this.link("sign-in-href", "back");
  }

  /** @param {(Node | null)[]} links */
  links(...links) {
    return make("p", { part: "links" }, ...links);
  }

  /** Returns an id; that of a light element has a prefix, since it shares the ids of its page. @param {string} name */
  id(name) {
    return this.light ? `${this.prefix}-${name}` : name;
  }

  /** @param {string} name */
  error(name) {
    return make("p", { id: this.id(name), part: "error", role: "alert" });
  }

  /** @param {number} seconds */
  inTime(seconds) {
    return inTime(seconds, this.root.lang);
  }

  /** Returns what stands between two sentences of the language. */
  space() {
    return /^(ja|zh)/.test(this.root.lang) ? "" : " ";
  }

  /** Returns the line that shows a countdown. @returns {HTMLElement} */
  clock() {
    return make("p", { part: "note clock" });
  }

  /**
   * @param {"email" | "password" | "again" | "code"} name @param {Record<string, unknown>} attributes
   * @param {keyof Texts} text
   * @returns {Field}
   */
  field(name, attributes, text = name) {
    const error = this.error(`${name}-error`);
    const input = make("input", {
      id: this.id(name), name, part: "input", autocapitalize: "none", autocorrect: "off", spellcheck: false,
      "aria-describedby": error.id, ...attributes,
    });
    /** @param {string} text */
    const complain = (text) => {
      error.textContent = text;
      if (text) input.setAttribute("aria-invalid", "true");
      else input.removeAttribute("aria-invalid");
    };
    input.addEventListener("input", () => complain(""));
    const label = make("label", { for: input.id, part: "label" }, this.say(text));
    return { box: make("div", { class: "field" }, label, input, error), input, complain };
  }

  /** Returns the attributes of the field for the address, or for a user name, if the service takes names. */
  identifier() {
    return { type: this.service?.takesNames ? "text" : "email", inputmode: "email", autocomplete: "username" };
  }

  /** Returns the slot for a challenge's widget, which lives in the page itself. */
  challengeSlot() {
    return make("slot", { name: "challenge" });
  }

  /** @param {() => unknown} submit @param {(HTMLElement | null)[]} rows */
  form(submit, ...rows) {
    const send = (/** @type {Event} */ event) => {
      event.preventDefault();
      submit();
    };
    return make("form", { novalidate: "", submit: send }, ...rows);
  }

  /**
   * Runs a button's `work` once at a time, then disables the button for the seconds that `work` or the refusal gives.
   * @param {HTMLElement} button @param {() => Promise<number | void>} work
   * @param {(error: Refusal, text: string) => void} tell @param {HTMLElement} [clock]
   */
  async attempt(button, work, tell, clock) {
    if (button.matches("[aria-busy], [aria-disabled]")) return;
    button.setAttribute("aria-busy", "true");
    let seconds, before = "";
    try {
      seconds = await work();
      before = this.say("nothing") + this.space();
    } catch (error) {
      if (!(error instanceof KeyturnError)) throw error;
      const refusal = /** @type {Refusal} */ (/** @type {unknown} */ (error));
      // A 404 is the answer of a feature that is off.
      const told = refusal.type.startsWith(PROBLEM) && refusal.status && refusal.status !== 404;
      const id = refusal.instance?.split(":").pop(), reference = id && this.say("reference", { id });
      // The detail of that refusal is the time that the clock shows.
      const counted = clock && refusal.type === `${PROBLEM}too-many-requests`;
      const text = [refusal.title, !counted && refusal.detail, reference].filter(Boolean).join("\n");
      tell(refusal, told ? text : this.say("unreachable"));
      seconds = refusal.retryAfter;
      this.emit("keyturn-error", refusal);
    } finally {
      button.removeAttribute("aria-busy");
    }
    if (seconds !== undefined) this.rest(button, seconds, clock, before);
  }

  /** Shows the reason of a refusal. @param {Refusal} _ @param {string} text */
  tell = (_, text) => {
    this.alert.textContent = text;
  };

  /** Disables a button, and shows a countdown after `before`. @param {HTMLElement} button @param {number} seconds */
  rest(button, seconds, clock = this.clock(), before = "") {
    /** @param {number} left */
    const tell = (left) => {
      const text = left ? this.rich("askAgainIn", { wait: this.inTime(left) }) : [this.say("askAgain")];
      clock.replaceChildren(before, ...text);
      return clock.offsetHeight;
    };
    // The clock keeps its height, so that nothing moves while it runs.
    clock.style.setProperty("min-height", `${Math.max(tell(59), tell(60))}px`);
    rest(button, seconds, tell);
  }

  /** Calls `send` with the answer to the service's challenge, if it sets one. @param {(answer?: string) => Promise<unknown>} send */
  async answered(send) {
    const known = this.challenge && await answerTo(this.client, this.challenge, this.host);
    await send(known).catch(async (refusal) => {
      if (!refusal.challenge) throw refusal;
      const challenge = await answerTo(this.client, refusal.challenge, this.host);
      if (challenge === undefined) throw refusal;
      return send(challenge);
    });
  }

  /**
   * Requests a mail and returns the seconds until the next request makes sense. Until then no element in this tab sends
   * another request for the address: the service would send no mail, and the countdown would start over.
   * @param {string} email
   */
  async request(email) {
    const sent = sentTo(email), left = (kept(sent) - Date.now()) / 1000;
    if (left > 0) return left;
    const returnTo = this.attribute("return-to");
    await this.answered((challenge) => this.client.requestReset(email, { challenge, returnTo }));
    this.emit("keyturn-sent", { email });
    const cooldown = Number(this.attribute("cooldown") ?? 60);
    kept(sent, Date.now() + cooldown * 1000);
    return cooldown;
  }
}
