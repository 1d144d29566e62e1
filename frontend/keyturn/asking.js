// <keyturn-forgot> and <keyturn-change-password>: both request a mail.

import { codeForm } from "./code.js";
import { Forms } from "./forms.js";
import { isKeystrokeAway, make } from "./making.js";

// A shorter domain is a keystroke away from too many others.
const SHORTEST = "gmail.com".length;

export class Forgot extends Forms {
  open() {
    this.show(...this.asking(this.attribute("email") ?? ""));
  }

  asking(known = "") {
    const email = this.field("email", { ...this.identifier(), value: known });
    const send = this.button("send"), clock = this.clock();
    const submit = () => this.attempt(send, () => this.ask(email.input.value), (refusal, text) => {
      email.complain(refusal.errors.length ? this.say("malformed") : text);
      email.input.focus();
    }, clock);
    return [
      this.title(this.say("forgotHeading"), this.say("forgotLead")),
      this.form(submit, email.box, this.challengeSlot(), clock, send),
      this.links(this.back()),
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
      ...(this.attribute("code") === undefined || !this.service?.codes ? [] : [this.codeView(email)]),
      this.meant(email),
      make("div", { part: "panel" },
        make("p", {}, this.say("spam")), this.inbox(email), clock, this.challengeSlot(), this.alert, again),
      this.links(other, this.back()),
    );
    this.rest(again, cooldown, clock, this.say("nothing") + this.space());
  }

  /** Returns a link to the user's inbox, if the domain tells where that is. @param {string} email */
  inbox(email) {
    const { name, url } = this.at(email) ?? {};
    if (!name) return null;
    const link = make("a", { part: "button", href: url, target: "_blank", rel: "noopener" });
    link.textContent = this.say("openInbox", { name });
    return link;
  }

  /** Offers the address that may have been meant. @param {string} email */
  meant(email) {
    const [, local, typed = ""] = /^(.*)@(.*)$/.exec(email.trim()) ?? [];
    const { services = [], others = [] } = this.service?.mailServices ?? {};
    const known = services.flatMap(({ domains }) => domains).filter((domain) => domain.length >= SHORTEST);
    const near = known.find((domain) => isKeystrokeAway(typed.toLowerCase(), domain));
    if (!near || this.at(email) || others.includes(typed.toLowerCase())) return make("div", {});
    const right = `${local}@${near}`;
    const send = this.button("send", () => this.attempt(send, () => this.ask(right), this.tell), "button second");
    return make("div", { part: "panel" }, make("p", {}, ...this.rich("meant", { email: right })), send);
  }

  /** @param {string} email */
  at(email) {
    const domain = email.trim().toLowerCase().split("@").pop() ?? "";
    return this.service?.mailServices?.services.find(({ domains }) => domains.includes(domain));
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
    const status = make("p", { part: "status", role: "status" });
    const work = async () => {
      this.alert.textContent = "";
      const cooldown = await this.request(email ?? "");
      status.textContent = this.say("changeSent");
      return cooldown;
    };
    const ask = this.button("change", () => this.attempt(ask, work, this.tell, clock));
    if (!email) {
      console.error(`<${this.host.localName}>: the attribute "email" is missing. Set it to the email address of the account.`);
      ask.setAttribute("aria-disabled", "true");
    }
    this.box.classList.add("card");
    // What comes later stands below the button, so that the button does not move while the user presses it.
    this.show(
      this.title(this.say("changeHeading"), this.say("changeLead")),
      make("div", { class: "action" }, this.challengeSlot(), ask, status, this.alert, clock),
    );
  }
}
