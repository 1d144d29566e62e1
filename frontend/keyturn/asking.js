// <keyturn-forgot> and <keyturn-change-password>: both request a mail.

import { codeForm } from "./code.js";
import { Forms } from "./forms.js";
import { make } from "./making.js";

export class Forgot extends Forms {
  open() {
    this.show(...this.asking(this.attribute("email") ?? ""));
  }

  asking(known = "") {
    const email = this.field("email", { type: "email", inputmode: "email", autocomplete: "username", value: known });
    const send = this.button("send"), clock = this.clock();
    const submit = () => this.attempt(send, () => this.ask(email.input.value), (refusal, text) => {
      email.complain(refusal.errors.length ? this.say("malformed") : text);
      email.input.focus();
    }, clock);
    return [
      this.title(this.say("forgotHeading"), this.say("forgotLead")),
      this.form(submit, email.box, this.challengeSlot(), clock, send),
      this.links(this.link("sign-in-href", "back")),
    ];
  }

  /** @param {string} email */
  async ask(email) {
    const cooldown = await this.request(email);
    const clock = this.clock(), ask = () => this.ask(email);
    const again = this.button("sendAgain", () => this.attempt(again, ask, this.tell, clock), "button second");
    const other = this.button("another", () => this.turnTo(...this.asking()), "link");
    this.alert.textContent = "";
    this.turnTo(
      this.title(this.say("sentHeading"), ...this.rich("sentLead", { email })),
      ...(this.attribute("code") === undefined ? [] : [this.codeView(email)]),
      make("div", { part: "panel" }, make("p", {}, this.say("spam")), clock, this.challengeSlot(), this.alert, again),
      this.links(other, this.link("sign-in-href", "back")),
    );
    this.rest(again, cooldown, clock, `${this.say("nothing")} `);
  }

  /** @param {string} email */
  codeView(email) {
    const lead = make("p", { part: "note" }, this.say("codeElsewhere"));
    return codeForm(this, () => email, [lead]);
  }
}

export class ChangePassword extends Forms {
  open() {
    const email = this.attribute("email"), clock = this.clock();
    const lead = make("p", { part: "lead" }, this.say("changeLead"));
    const status = make("p", { part: "status", role: "status" });
    const work = async () => {
      this.alert.textContent = "";
      const cooldown = await this.request(email ?? "");
      status.textContent = this.say("changeSent");
      lead.className = "past";
      return cooldown;
    };
    const ask = this.button("change", () => this.attempt(ask, work, this.tell, clock));
    if (!email) {
      console.error(`<${this.host.localName}>: the attribute "email" is missing. It says whom the card mails.`);
      ask.setAttribute("aria-disabled", "true");
    }
    const again = `${this.say("nothing")} ${this.say("askAgainIn", { wait: "0:59" })}`.replace(/<\/?b>/g, "");
    // Each row keeps the height of its longest text, so the button does not move while the user presses it.
    const held = (/** @type {string} */ most, /** @type {HTMLElement[]} */ ...rows) =>
      make("div", { class: "held", "data-most": most }, ...rows);
    const said = [
      held(this.say("changeSent"), lead, status), held(again, clock), this.challengeSlot(), this.alert,
    ];
    this.box.classList.add("card");
    this.show(this.title(this.say("changeHeading")), make("div", { class: "action" }, ...said, ask));
  }
}
