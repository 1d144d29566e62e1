// A form for the code from the mail, and <keyturn-code>, which also asks for the email address.

import { Forms } from "./forms.js";
import { make } from "./making.js";

/**
 * Returns the form. A correct code gives a working link, with which <keyturn-reset> replaces this element.
 * @param {Forms} forms @param {() => string} email @param {HTMLElement[]} before @param {(refusal: any) => boolean} mine
 */
export const codeForm = (forms, email, before = [], mine = () => false) => {
  const code = forms.field("code", { inputmode: "numeric", autocomplete: "one-time-code", maxlength: 20, dir: "ltr" });
  const go = forms.button("continue"), clock = forms.clock();
  const work = async () => {
    const { token } = await forms.client.verifyCode(email(), code.input.value);
    const next = /** @type {import("../keyturn.js").KeyturnElement} */ (document.createElement("keyturn-reset"));
    forms.given.forEach((value, name) => next.setAttribute(name, value));
    Object.assign(next, { texts: /** @type {any} */ (forms.host).texts, tabIndex: -1 });
    next.setAttribute("token", token);
    // A user name is not the address of its link.
    if (email().includes("@")) next.setAttribute("email", email());
    forms.host.replaceWith(next);
    next.focus();
  };
  /** @param {import("./forms.js").Refusal} refusal @param {string} text */
  const tell = (refusal, text) => {
    if (mine(refusal)) return;
    const { type, detail, errors } = refusal, said = type.endsWith(":code-refused") ? detail : text;
    code.complain(errors.length ? forms.say("codeMalformed") : said);
    code.input.focus();
  };
  return forms.form(() => forms.attempt(go, work, tell, clock), ...before, code.box, clock, go);
};

export class Code extends Forms {
  open() {
    const email = this.field("email", { ...this.identifier(), value: this.attribute("email") ?? "" });
    const mine = (/** @type {import("./forms.js").Refusal} */ { errors }) => {
      const wrong = errors.some(({ field }) => field === "email");
      if (wrong) {
        email.complain(this.say("malformed"));
        email.input.focus();
      }
      return wrong;
    };
    this.show(
      this.title(this.say("codeHeading"), this.say("codeLead")),
      codeForm(this, () => email.input.value, [email.box], mine),
      this.links(this.link("forgot-href", "newLink"), this.back()),
    );
  }
}
