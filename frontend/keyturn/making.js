// Functions that the elements share: DOM nodes, resting buttons, the tab's memory and the page's language.

import { countDown } from "./moments.js";

/**
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag @param {Record<string, unknown>} attributes @param {(Node | string | null)[]} children
 */
export const make = (tag, attributes, ...children) => {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name, /** @type {EventListener} */ (value));
    else if (value !== undefined) element.setAttribute(name, String(value));
  }
  element.append(...children.filter((child) => child !== null));
  return element;
};

/**
 * Disables a button for some seconds, and passes the seconds left to `tell`, then 0.
 * @param {HTMLElement} button @param {number} seconds @param {(left: number) => void} tell
 */
export const rest = (button, seconds, tell) => {
  // `disabled` would remove the focus.
  button.setAttribute("aria-disabled", "true");
  countDown(seconds, (left) => {
    tell(left);
    if (!left) button.removeAttribute("aria-disabled");
  });
};

/**
 * Stores a moment under a name until the tab closes, if one is given, and returns the stored one. Returns 0 if the
 * browser does not allow storage.
 * @param {string} name @param {number} [moment]
 */
export const kept = (name, moment) => {
  try {
    if (moment) sessionStorage[name] = moment;
    return Number(sessionStorage[name]);
  } catch {
    return 0;
  }
};

/** Returns the name under which `kept` has the moment of an address's next request. @param {string} email */
export const sentTo = (email) => `keyturn-sent ${email.toLowerCase()}`;

/** @param {HTMLElement} element */
export const languageOf = (element) => {
  let at = /** @type {Element | undefined} */ (element);
  for (; at; at = /** @type {ShadowRoot} */ (at.getRootNode()).host) {
    const found = at.closest("[lang]")?.getAttribute("lang");
    if (found) return found;
  }
  return navigator.language;
};

/**
 * Returns whether one character is missing, superfluous or another one, or two neighbours are swapped. The other one
 * is `is_keystroke_away` in api/mail_services.py; both read mail_services.toml.
 * @param {string} typed @param {string} meant
 */
export const isKeystrokeAway = (typed, meant) => {
  if (typed === meant || Math.abs(typed.length - meant.length) > 1) return false;
  let start = 0;
  while (typed[start] === meant[start]) start++;
  const left = typed.slice(start), right = meant.slice(start), [one = "", other = ""] = left;
  return [right, right.slice(1)].includes(left.slice(1)) || left === right.slice(1)
    || right === other + one + left.slice(2);
};
