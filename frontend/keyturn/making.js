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
  button.setAttribute("aria-disabled", "true"); // `disabled` would remove the focus
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
  return language === "ja" ? text.replaceAll(" ", "") : text; // as Language.in_time
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

/** @param {CanvasRenderingContext2D} drawn */
const luminanceOf = (drawn) => {
  const [red = 0, green = 0, blue = 0] = [...drawn.getImageData(0, 0, 1, 1).data].map((part) => {
    const share = part / 255;
    return share > 0.04045 ? ((share + 0.055) / 1.055) ** 2.4 : share / 12.92;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
};

/**
 * Returns the contrast of a text with the ground that the page has painted behind it (WCAG 2.2), or undefined where it
 * has painted none, or a picture.
 * @param {HTMLElement} text
 */
export const contrastOf = (text) => {
  const grounds = [];
  for (let at = /** @type {Element | null} */ (text); at;) {
    const { backgroundColor, backgroundImage } = getComputedStyle(at);
    if (backgroundImage !== "none") return undefined;
    grounds.unshift(backgroundColor);
    at = at.parentElement ?? /** @type {ShadowRoot} */ (at.getRootNode()).host ?? null;
  }
  const drawn = Object.assign(document.createElement("canvas"), { width: 1, height: 1 })
    .getContext("2d", { willReadFrequently: true });
  if (!drawn) return undefined;
  /** @param {string} colour */
  const paint = (colour) => {
    drawn.fillStyle = colour;
    drawn.fillRect(0, 0, 1, 1);
  };
  grounds.forEach(paint);
  if (drawn.getImageData(0, 0, 1, 1).data[3] !== 255) return undefined;
  const ground = luminanceOf(drawn);
  paint(getComputedStyle(text).color);
  const [dark = 0, light = 0] = [ground, luminanceOf(drawn)].sort((one, other) => one - other);
  return (light + 0.05) / (dark + 0.05);
};
