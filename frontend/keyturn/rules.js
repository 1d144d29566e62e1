// A checklist of the password rules, and an estimate of the password's strength.

import { make } from "./making.js";
import { strengthOf } from "./strength.js";

const words = /** @type {const} */ (["none", "weak", "fair", "good", "strong"]);
// Milliseconds without a key, after which a screen reader is told.
const PAUSE = 700;

/**
 * Shows which rules the password meets. Only the server checks a rule without a pattern. Until it accepts a password,
 * those rules stay open and the strength stays below "strong".
 */
export class Rules {
  /**
   * @param {import("./forms.js").Forms} forms @param {import("../keyturn.js").Rule[]} rules
   * @param {HTMLInputElement} password @param {HTMLInputElement} again
   */
  constructor(forms, rules, password, again) {
    this.forms = forms;
    this.password = password;
    /** @type {string | undefined} */
    this.accepted = undefined;
    /** @type {string | undefined} */
    this.refused = undefined;
    const rule = (/** @type {string} */ text) => make("li", { part: "rule" }, text, make("span", { class: "unseen" }));
    // With the flag u a pattern counts code points, as the server does. max_bytes is not listed: few passwords reach it.
    this.rules = rules.filter(({ name }) => name !== "max_bytes").map(({ name, message, pattern }) => {
      const found = pattern ? new RegExp(pattern, "u") : null;
      return { name, message, item: rule(message), holds: found && (() => found.test(password.value)) };
    });
    const alike = () => password.value !== "" && password.value === again.value;
    const same = { name: "same", item: rule(forms.say("same")), holds: alike };
    this.ticked = [...this.rules, same];
    const now = this.rules.filter(({ holds }) => holds), later = this.rules.filter(({ holds }) => !holds);
    for (const { item } of later) item.part.add("later");
    this.list = make("ul", { part: "rules", id: forms.id("rules") }, ...[...now, ...later].map(({ item }) => item));
    // It stands under the second field, of which it speaks.
    this.same = make("ul", { part: "rules" }, same.item);
    this.meter = make("div", {
      part: "meter", role: "meter", "aria-label": forms.say("strength"), "aria-valuemin": 0, "aria-valuemax": 4,
    }, make("span", { part: "bar" }));
    this.status = make("p", { class: "unseen", role: "status" });
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.pause = undefined;
    this.look();
  }

  /** Marks the rules that are met, shows the strength, and announces both once the typing pauses. */
  look() {
    const { value } = this.password;
    for (const { item, holds } of this.ticked) {
      const met = holds ? holds() : value === this.accepted;
      item.part.toggle("met", met);
      if (item.lastChild) item.lastChild.textContent = ` – ${this.forms.say(met ? "met" : "notMet")}`;
    }
    const weak = this.unmet().length || value === this.refused, most = value === this.accepted ? 4 : 3;
    const level = value === "" ? 0 : weak ? 1 : Math.min(most, strengthOf(value));
    const strength = this.forms.say(words[level] ?? "none"), all = this.ticked.length;
    const met = this.ticked.filter(({ item }) => item.part.contains("met")).length;
    this.meter.setAttribute("aria-valuenow", String(level));
    this.meter.setAttribute("aria-valuetext", strength);
    clearTimeout(this.pause);
    const told = value && this.forms.say("progress", { met: String(met), all: String(all), strength });
    this.pause = setTimeout(() => { if (this.status.textContent !== told) this.status.textContent = told; }, PAUSE);
  }

  /** Returns the unmet rules among those that the browser can check. */
  unmet() {
    return this.rules.filter(({ holds }) => holds && !holds());
  }

  /** Records the server's decision about a password. @param {string} password @param {string[]} broken */
  note(password, broken) {
    if (broken.length) this.refused = password;
    else this.accepted = password;
    if (this.password.value === password) this.mark(broken);
    this.look();
  }

  /** Marks rules that a submit or the server found broken. Typing clears the marks. @param {string[]} broken */
  mark(broken) {
    for (const { name, item } of this.ticked) item.part.toggle("broken", broken.includes(name));
  }
}
