// Keyturn for your own pages: a client of the API, and custom elements that use it. keyturn.d.ts has the types.
// A service serves all modules as one file at /keyturn.js.

import { ChangePassword, Forgot } from "./keyturn/asking.js";
import { createClient, KeyturnError } from "./keyturn/client.js";
import { Code } from "./keyturn/code.js";
import { Reset } from "./keyturn/reset.js";

/** @param {string} name @param {typeof Forgot | typeof ChangePassword | typeof Code | typeof Reset} Forms */
const define = (name, Forms) => {
  // Without a document, as in server-side rendering, only the client is available.
  if (!globalThis.customElements || customElements.get(name)) return;
  customElements.define(name, class extends HTMLElement {
    #begun = false;

    connectedCallback() {
      // The page may move the element, which then has its forms already.
      if (this.#begun) return;
      this.#begun = true;
      new Forms(this).begin();
    }
  });
};

define("keyturn-forgot", Forgot);
define("keyturn-code", Code);
define("keyturn-reset", Reset);
define("keyturn-change-password", ChangePassword);

export { createClient, KeyturnError };
