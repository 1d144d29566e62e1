// <keyturn-reset>: sets a new password with the link from the mail.

import { KeyturnError, PROBLEM } from "./client.js";
import { Forms } from "./forms.js";
import { linkInAddress } from "./link.js";
import { kept, make, sentTo } from "./making.js";
import { beforeEnd, momentText } from "./moments.js";
import { Rules } from "./rules.js";
import { SecondStep } from "./second_step.js";

/** @typedef {import("../keyturn.js").LiveLink & { rules: import("../keyturn.js").Rule[] }} Opened */
/** @typedef {import("../keyturn.js").DeadReason} DeadReason */

/**
 * Returns the rules for password generators (https://developer.apple.com/password-rules/).
 * @param {Opened["rules"]} rules
 */
const forGenerators = (rules) => {
  /** @type {Record<string, string>} */
  const required = { uppercase: "upper", lowercase: "lower", digit: "digit", special: "special" };
  /** @type {Record<string, string>} */
  const lengths = { min_length: "minlength", max_bytes: "maxlength" };
  const known = rules.filter(({ name }) => required[name] || lengths[name]);
  return known.map(({ name, limit }) =>
    lengths[name] ? `${lengths[name]}: ${limit}` : `required: ${required[name]}`).join("; ");
};

export class Reset extends Forms {
  begin() {
    const token = this.attribute("token");
    this.opened = token ? { token, email: this.attribute("email") } : linkInAddress();
    // A second link with #token= that opens in the same tab does not reload the page.
    const again = () => {
      if (!this.host.isConnected) return removeEventListener("hashchange", again);
      const link = linkInAddress();
      if (!link) return;
      this.opened = link;
      super.begin();
    };
    addEventListener("hashchange", again);
    return super.begin();
  }

  /** Checks the link first, so that the user does not choose a password for a dead one. */
  async needed() {
    if (!this.opened) return undefined;
    const [link, { rules }] = await Promise.all([
      this.client.validate(this.opened.token, this.opened), this.client.policy(),
    ]);
    return { ...link, rules };
  }

  /** @param {Opened | import("../keyturn.js").DeadLink | undefined} found */
  open(found) {
    if (!found) return this.show(this.title(this.say("noLink"), this.say("noLinkLead")), ...this.waysOn());
    return this.show(...found.valid ? this.choosing(found) : this.dead(found.reason, found.emailHint));
  }

  /** @param {Opened} opened */
  choosing({ email, expiresAt, awaitsPassword, operatorReason, returnTo, rules }) {
    const password = this.secret("password", {
      "aria-describedby": `${this.id("password-error")} ${this.id("rules")}`, passwordrules: forGenerators(rules),
    }, awaitsPassword ? "firstPassword" : "password");
    const again = this.secret("again", {}, awaitsPassword ? "firstAgain" : "again");
    const judged = new Rules(this, rules, password.input, again.input);
    const save = this.button(awaitsPassword ? "saveFirst" : "save");
    const list = new Intl.ListFormat(this.root.lang);

    const blame = (/** @type {{ message: string }[]} */ broken) =>
      password.complain(broken.length ? this.say("unmet", { rules: list.format(broken.map(({ message }) => message)) }) : "");

    /** @param {string} chosen @param {import("../keyturn.js").Violation[]} violations */
    const tellJudgement = (chosen, violations) => {
      judged.note(chosen, violations.map(({ rule }) => rule));
      if (violations.length && password.input.value === chosen) blame(violations);
    };

    // The service checks its own rules once the user has typed a password. If this check fails, the submit reports them.
    const ask = async () => {
      const chosen = password.input.value;
      if (chosen === "" || judged.unmet().length) return;
      const { violations } = await this.client.check(this.opened?.token ?? "", chosen, { email });
      tellJudgement(chosen, violations);
    };
    // The Enter key submits the form right after this event, and then the submit's response reports the rules.
    password.input.addEventListener("change", () => setTimeout(() => {
      if (!save.matches("[aria-busy]")) ask().catch(() => {});
    }));

    /** @param {import("../keyturn.js").SecondStepAnswer} [secondStep] */
    const reset = (secondStep) => this.client.reset(this.opened?.token ?? "", password.input.value, {
      email, confirmPassword: again.input.value, ...(secondStep && { secondStep }),
    });
    // A request for a code is refused like a missing code. `refusal.sent` says that a code was sent.
    const step = new SecondStep(this, (method) => reset({ method }).catch((refusal) => {
      if (!refusal.sent) throw refusal;
      step.tell(refusal);
    }));

    const work = async () => {
      await reset(step.answer());
      // The link is used, so the next request gets an email at once.
      kept(sentTo(email), 1);
      this.turnTo(
        this.title(this.say("changed"), this.say("for", { email })),
        this.links(returnTo ? make("a", { part: "button", href: returnTo }, this.say("continue")) : this.signIn()),
      );
      this.emit("keyturn-reset", { email });
    };

    /** @param {import("./forms.js").Refusal} refusal @param {string} text */
    const tell = (refusal, text) => {
      if (refusal.reason) return this.turnTo(...this.dead(refusal.reason, email));
      if (step.tell(refusal)) return;
      if (!refusal.violations.length) return this.alert.replaceChildren(text);
      tellJudgement(password.input.value, refusal.violations);
      password.input.focus();
    };

    const submit = () => {
      const unmet = judged.unmet(), different = password.input.value !== again.input.value;
      this.alert.textContent = "";
      judged.mark([...unmet.map(({ name }) => name), ...different ? ["same"] : []]);
      blame(unmet);
      again.complain(different ? this.say("mismatch") : "");
      if (unmet.length || different) return (unmet.length ? password : again).input.focus();
      if (step.lacksCode()) return;
      password.hide();
      again.hide();
      return this.attempt(save, work, tell);
    };

    // Tells password managers which account the password belongs to.
    const whose = make("input", {
      class: "unseen", type: "email", autocomplete: "username", value: email,
      readonly: "", tabindex: -1, "aria-hidden": "true",
    });
    const end = new Date(expiresAt);
    const note = make("p", { part: "note" }, this.say("until", { time: momentText(end, this.root.lang) }));
    beforeEnd(end, () => {
      note.part.add("soon");
      note.setAttribute("role", "alert");
    });
    const form = this.form(submit, whose, password.box, judged.meter, judged.list, again.box, judged.same, judged.status, step.box,
      this.alert, save);
    form.addEventListener("input", () => {
      judged.mark([]);
      judged.look();
    });
    const reason = operatorReason ? [make("p", { part: "panel", dir: "auto" }, operatorReason)] : [];
    const title = this.title(this.say(awaitsPassword ? "firstHeading" : "resetHeading"), this.say("for", { email }));
    title.append(note);
    return [title, ...reason, form];
  }

  /**
   * Returns a password field. It allows pasting, showing and password managers (NIST SP 800-63B 3.1.1.2).
   * @param {"password" | "again"} name @param {Record<string, unknown>} attributes
   * @param {keyof import("../keyturn.js").Texts} text
   */
  secret(name, attributes, text = name) {
    const field = this.field(name, { type: "password", autocomplete: "new-password", ...attributes }, text);
    const { input } = field, word = make("span", {}, this.say("show"));
    const show = (/** @type {boolean} */ shown) => {
      input.type = shown ? "text" : "password";
      word.textContent = this.say(shown ? "hide" : "show");
    };
    const reveal = make("button", { type: "button", part: "reveal", click: () => show(input.type === "password") },
      make("span", { class: "unseen" }, `${this.say(text)}: `), word);
    const row = make("div", { class: "secret" });
    input.replaceWith(row);
    row.append(input, reveal);
    // The typed text ends before the button, whose label is longer in some languages.
    new ResizeObserver(() => row.style.setProperty("--reveal", `${reveal.offsetWidth + 4}px`)).observe(reveal);
    return { ...field, hide: () => show(false) };
  }

  /** @param {DeadReason} reason @param {string} [email] The address of an expired link, masked or not. */
  dead(reason, email) {
    const name = reason === "second_step" ? "wrongCodes" : reason;
    const heading = this.say(`${name}Heading`), detail = this.say(name);
    const title = this.title(heading);
    title.append(make("p", { part: "lead", role: "alert" }, detail));
    this.emit("keyturn-error", new KeyturnError({ type: `${PROBLEM}link-dead`, title: heading, detail, reason }));
    if (reason === "expired" && email) return [title, ...this.replacing(email)];
    // Where the link was used the password is new already.
    return [title, ...this.waysOn(reason === "used" ? this.signIn() : null)];
  }

  /** Returns the ways on without a working link, the first of them as a button. @param {HTMLElement | null} signIn */
  waysOn(signIn = null) {
    return [signIn, this.link("forgot-href", "newLink", signIn ? "link" : "button"), signIn ? null : this.back()]
      .map((way) => this.links(way));
  }

  signIn() {
    return this.link("sign-in-href", "signIn", "button");
  }

  /** Returns the button that requests a new link in place of the expired one. @param {string} email */
  replacing(email) {
    const elsewhere = () => this.links(this.link("forgot-href", "another"), this.back());
    const work = async () => {
      await this.answered((challenge) => this.client.replaceExpired(this.opened?.token ?? "", { challenge }));
      this.emit("keyturn-sent", { email });
      this.turnTo(
        this.title(this.say("sentHeading"), ...this.rich("sentLead", { email })),
        make("p", { part: "panel" }, this.say("spam")),
        elsewhere(),
      );
    };
    const send = this.button("sendNew", () => this.attempt(send, work, this.tell, clock)), clock = this.clock();
    send.textContent = this.say("sendNew", { email });
    this.alert.textContent = "";
    const rows = [this.challengeSlot(), clock, this.alert, send];
    return [make("div", { class: "action" }, ...rows), elsewhere()];
  }
}
