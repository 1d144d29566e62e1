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
 * Disables a button for some seconds, and passes the seconds left to `tell`, then 0.
 * @param {HTMLElement} button @param {number} seconds @param {(left: number) => void} tell
 */
export const rest = (button, seconds, tell) => {
  const until = Date.now() + seconds * 1000;
  const tick = () => {
    const left = Math.max(Math.ceil((until - Date.now()) / 1000), 0);
    tell(left);
    if (left) return;
    clearInterval(timer);
    button.removeAttribute("aria-disabled");
  };
  // `disabled` would remove the focus.
  button.setAttribute("aria-disabled", "true");
  const timer = setInterval(tick, 250);
  tick();
};

/**
 * Returns "in 50 seconds" or, from a minute on, "in 2 minutes", as the language says it.
 * @param {number} seconds @param {string} language
 */
export const inTime = (seconds, language) => {
  const said = new Intl.RelativeTimeFormat(language || undefined);
  const text = seconds < 60 ? said.format(seconds, "second") : said.format(Math.ceil(seconds / 60), "minute");
  // Language.in_time of the service does the same.
  return language === "ja" ? text.replaceAll(" ", "") : text;
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
 * Returns whether one character is missing, superfluous or another one, or two neighbours are swapped.
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
