// The second step of a reset: the code of an account with a second factor.

import { make } from "./making.js";

/** The fields of the second step. They appear below the password when Keyturn asks for a second factor. */
export class SecondStep {
  /** @param {import("./forms.js").Forms} forms @param {(method: "sms") => Promise<unknown>} send */
  constructor(forms, send) {
    this.forms = forms;
    this.send = send;
    /** @type {import("../keyturn.js").Factor[]} */
    this.factors = [];
    this.box = make("fieldset", { class: "step", part: "step", hidden: "" });
    this.code = forms.field("code", { type: "text", autocomplete: "one-time-code", dir: "ltr" }, "factorCode");
    this.status = make("p", { part: "note clock", role: "status" });
    /** @type {HTMLElement | undefined} */
    this.sendButton = undefined;
  }

  /** Returns the answer to send with the password, or undefined if Keyturn has not asked for a second factor. */
  answer() {
    return this.factors.length ? { method: this.method(), code: this.code.input.value } : undefined;
  }

  method() {
    const chosen = /** @type {HTMLInputElement | null} */ (this.box.querySelector("[name=method]:checked"));
    const factor = this.factors.find(({ method }) => !chosen || method === chosen.value);
    return /** @type {import("../keyturn.js").SecondStepMethod} */ (factor?.method);
  }

  /** Returns whether a required code is missing, and shows the error if it is. */
  lacksCode() {
    const lacks = this.factors.length > 0 && this.code.input.value.trim() === "";
    this.code.complain(lacks ? this.forms.say("enterCode") : "");
    if (lacks) this.code.input.focus();
    return lacks;
  }

  /** Shows a refusal, or returns false if it is not about a second step. @param {import("./forms.js").Refusal} refusal */
  tell(refusal) {
    const { methods = [], triesLeft, sent } = refusal;
    if (!methods.length) return false;
    if (methods[0]?.method === "other") {
      this.forms.alert.textContent = this.forms.say("secondStepOther");
      return true;
    }
    if (this.box.hidden) this.render(methods);
    const phone = methods.find(({ method }) => method === "sms");
    this.status.textContent = sent && phone ? this.forms.say("codeSent", { number: phone.hint }) : "";
    this.code.complain(triesLeft === undefined ? "" : refusal.detail);
    if (triesLeft !== undefined) this.code.input.value = "";
    // No code is there yet: the button that sends one comes first.
    const unsent = !sent && triesLeft === undefined && this.method() === "sms";
    (unsent ? this.sendButton : this.code.input)?.focus();
    return true;
  }

  /** @param {import("../keyturn.js").Factor[]} factors */
  render(factors) {
    const { forms } = this;
    this.factors = factors;
    const send = forms.button("sendCode", () => forms.attempt(send, () => this.ask(), (_, text) => {
      this.status.textContent = text;
    }, this.status), "button second");
    send.textContent = forms.say("sendCode", { number: factors.find(({ method }) => method === "sms")?.hint ?? "" });
    this.sendButton = send;
    const phone = make("div", { class: "phone" }, send, this.status);
    const look = () => {
      const method = this.method(), recovery = method === "recovery_code";
      phone.toggleAttribute("hidden", method !== "sms");
      this.code.input.inputMode = recovery ? "text" : "numeric";
      this.code.input.autocomplete = recovery ? "off" : "one-time-code";
    };
    const choices = factors.length < 2 ? [] : factors.map((factor, at) => make("label", { part: "choice" },
      make("input", { type: "radio", name: "method", value: factor.method, checked: at ? undefined : "", change: look }),
      this.named(factor)));
    this.box.append(
      make("legend", { part: "legend" }, forms.say("secondStep")),
      make("p", { part: "note" }, forms.say("secondStepLead")),
      make("div", { class: "choices" }, ...choices),
      phone, this.code.box,
    );
    if (factors.length === 1 && factors[0]?.method !== "sms") {
      const label = this.code.box.querySelector("label");
      if (label && factors[0]) label.textContent = this.named(factors[0]);
    }
    this.box.hidden = false;
    look();
  }

  /** @param {import("../keyturn.js").Factor} factor */
  named({ method, hint }) {
    const { forms } = this;
    if (method === "sms") return forms.say("sms", { number: hint });
    return forms.say(method === "totp" ? "totp" : "recoveryCode");
  }

  async ask() {
    this.status.textContent = "";
    await this.send("sms");
  }
}
