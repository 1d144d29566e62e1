// Functions that the elements share: DOM nodes, countdowns, the tab's memory and the page's language.

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
 * Disables a button for some seconds, and passes the time left to `tell`, then "".
 * @param {HTMLElement} button @param {number} seconds @param {(left: string) => void} tell
 */
export const rest = (button, seconds, tell) => {
  const until = Date.now() + seconds * 1000;
  const tick = () => {
    const left = Math.ceil((until - Date.now()) / 1000);
    tell(left > 0 ? `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}` : "");
    if (left > 0) return;
    clearInterval(timer);
    button.removeAttribute("aria-disabled");
  };
  button.setAttribute("aria-disabled", "true"); // `disabled` would remove the focus
  const timer = setInterval(tick, 250);
  tick();
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

/** @param {HTMLElement} element */
export const languageOf = (element) => {
  let at = /** @type {Element | undefined} */ (element);
  for (; at; at = /** @type {ShadowRoot} */ (at.getRootNode()).host) {
    const found = at.closest("[lang]")?.getAttribute("lang");
    if (found) return found;
  }
  return navigator.language;
};
