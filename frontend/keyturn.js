// Keyturn in your own pages: a client of its API, and elements made of it. Its types are in keyturn.d.ts.
// A service answers at /keyturn.js with all of its modules as one file.

import { ChangePassword, Forgot } from "./keyturn/asking.js";
import { Code } from "./keyturn/code.js";
import { Reset } from "./keyturn/reset.js";

export { createClient, KeyturnError } from "./keyturn/client.js";

/** @param {string} name @param {typeof Forgot | typeof ChangePassword | typeof Code | typeof Reset} Forms */
const define = (name, Forms) => {
  // Where there is no document, as on a server that draws pages, the client is all there is.
  if (!globalThis.customElements || customElements.get(name)) return;
  customElements.define(name, class extends HTMLElement {
    #begun = false;

    connectedCallback() {
      if (this.#begun) return; // it was only moved
      this.#begun = true;
      new Forms(this).begin();
    }
  });
};

define("keyturn-forgot", Forgot);
define("keyturn-code", Code);
define("keyturn-reset", Reset);
define("keyturn-change-password", ChangePassword);
