// <keyturn-forgot> and <keyturn-change-password>: asking for a mail.

import { Forms } from "./forms.js";
import { make, rest } from "./making.js";

/** @typedef {import("./forms.js").Refusal} Refusal */

export class Forgot extends Forms {
  open() {
    this.show(...this.asking(this.attribute("email") ?? ""));
  }

  asking(known = "") {
    const email = this.field("email", { type: "email", inputmode: "email", autocomplete: "username", value: known });
    const send = this.button("send");
    const submit = () => this.attempt(send, () => this.ask(email.input.value), (refusal, text) => {
      email.complain(refusal.errors.length ? this.say("malformed") : text);
      email.input.focus();
    });
    return [
      this.title(this.say("forgotHeading"), this.say("forgotLead")),
      this.form(submit, email.box, send),
      this.links(this.link("sign-in-href", "back")),
    ];
  }

  /** @param {string} email */
  async ask(email) {
    const { message, cooldown } = await this.request(email);
    const tell = (/** @type {Refusal} */ _, /** @type {string} */ text) => { this.alert.textContent = text; };
    const again = this.button("sendAgain", () => this.attempt(again, () => this.ask(email), tell), "button second");
    const other = this.button("another", () => this.turnTo(...this.asking()), "link");
    this.alert.textContent = "";
    const note = make("p", { part: "note" }, this.say("spam"));
    this.turnTo(
      this.title(this.say("sentHeading"), this.say("for", { email })),
      make("div", { part: "panel" }, make("p", {}, message), note, this.alert, again),
      this.links(other, this.link("sign-in-href", "back")),
    );
    rest(again, cooldown);
  }
}

export class ChangePassword extends Forms {
  open() {
    const status = make("p", { part: "status", role: "status" });
    const work = async () => {
      this.alert.textContent = "";
      const { cooldown } = await this.request(this.attribute("email") ?? "");
      status.textContent = this.say("changeSent");
      this.root.querySelector("[part=lead]")?.remove();
      return cooldown;
    };
    const tell = (/** @type {Refusal} */ _, /** @type {string} */ text) => { this.alert.textContent = text; };
    const ask = this.button("change", () => this.attempt(ask, work, tell));
    this.root.classList.add("card");
    this.show(
      this.title(this.say("changeHeading"), this.say("changeLead")),
      make("div", { class: "action" }, status, this.alert, ask),
    );
  }
}
