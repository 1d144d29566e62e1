// The styles of the elements. Pages change them by variables and parts (docs/frontend.md).

import { BRAND } from "./brand.js";

/** The styles where an element has the attribute `light`: they reach no further than into it. */
const scoped = () => `@scope (:is(keyturn-forgot, keyturn-code, keyturn-reset, keyturn-change-password)[light]) {
${CSS.replace(/:host(\(([^)]*)\))?/g, (_, all, inner) => inner ? `:scope:is(${inner})` : ":scope")}
}`;

/** @type {CSSStyleSheet | undefined} */
let outer;

/**
 * Adds the styles to a shadow tree, or once to the page or the tree around a light element. A strict
 * Content-Security-Policy forbids inline styles.
 * @param {Document | ShadowRoot} tree @param {boolean} light
 */
export const adopt = (tree, light) => {
  if (light && outer && tree.adoptedStyleSheets.includes(outer)) return;
  const sheet = light && outer || new CSSStyleSheet();
  if (sheet !== outer) sheet.replaceSync(light ? scoped() : CSS);
  if (light) outer = sheet;
  tree.adoptedStyleSheets.push(sheet);
};

const CSS = `${BRAND}
:host { display: block; max-width: 384px; }
:host([hidden]) { display: none; }
*, ::before, ::after { box-sizing: border-box; }
.root {
  --accent: var(--keyturn-accent, var(--brand-accent));
  --on-accent: var(--keyturn-on-accent, var(--brand-on-accent));
  --ink: var(--keyturn-ink, light-dark(#1c1b19, #ecebe6));
  --muted: var(--keyturn-muted, light-dark(#66635c, #a8a59c));
  --panel: var(--keyturn-panel, light-dark(#ffffff, #1b1b18));
  --line: var(--keyturn-line, light-dark(#e3dfd6, #2c2b27));
  --error: var(--keyturn-error, light-dark(#b3261e, #ff9b90));
  --warning: var(--keyturn-warning, light-dark(#8a5a00, #e6b450));
  --radius: var(--keyturn-radius, var(--brand-radius));
  --edge: color-mix(in srgb, var(--muted) 75%, var(--panel));
  --ring: color-mix(in srgb, var(--accent) 30%, transparent);
  /* Drops the styles that the elements would inherit from the page, except those in the next two lines. */
  all: initial;
  color-scheme: inherit; visibility: inherit; pointer-events: inherit; cursor: inherit;
  -webkit-text-size-adjust: inherit; text-size-adjust: inherit;
  display: grid; gap: 24px; color: var(--ink); overflow-wrap: anywhere;
  font-family: var(--keyturn-font, var(--brand-font), -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif);
  font-size: 16px; line-height: 25px;
}
/* Until the texts have loaded, the element is as high as its first view in English. */
.views { display: contents; }
.root:has(> :empty) { min-height: var(--high); }
:host { --high: 263px; }
:host(keyturn-forgot[sign-in-href]) { --high: 331px; }
:host(keyturn-reset) { --high: 496px; }
:host(keyturn-code) { --high: 463px; }
:host(keyturn-change-password) { --high: 193px; }
@media (max-width: 360px) {
  :host { --high: 288px; }
  :host(keyturn-forgot[sign-in-href]) { --high: 356px; }
  :host(keyturn-reset) { --high: 530px; }
  :host(keyturn-code) { --high: 507px; }
  :host(keyturn-change-password) { --high: 222px; }
}
hgroup, h1, h2, h3, h4, h5, h6, p, ul { margin: 0; }
p, li { text-wrap: pretty; }
[part=heading] { font-size: 28px; line-height: 34px; font-weight: 600; letter-spacing: -0.02em; text-wrap: balance; }
[part=heading]:focus { outline: none; }
[part=lead] { margin-top: 8px; color: var(--muted); }
[part~=note], [part=error], [part=rules], [part=label] { font-size: 14px; line-height: 20px; }
[part~=note], [part=rules] { color: var(--muted); }
[part~=soon] { color: var(--warning); }
hgroup > [part~=note] { margin-top: 4px; }
[part=error] { color: var(--error); white-space: pre-line; }
[part=input][name=code] { font-family: ui-monospace, Menlo, Consolas, monospace; font-size: 20px; letter-spacing: 0.12em; }
:is([part=error], [part=links], [part~=clock]):empty { display: none; }
[part=panel], .card { border: 1px solid var(--line); border-radius: calc(var(--radius) * 1.5); }
[part=panel], .card, [part=input] { background: var(--panel); }
[part=panel] { display: grid; gap: 12px; padding: 16px 20px; font-size: 15px; line-height: 23px; }
.card { gap: 8px; padding: clamp(16px, 5vw, 24px); }
.card [part=heading] { font-size: 20px; line-height: 26px; letter-spacing: -0.01em; }
form, .field, .action { display: grid; }
form { gap: 24px; }
.field > [part=error] { margin-top: 6px; }
.action :not(:first-child, :empty) { margin-top: 12px; }
.card :is([part=lead], [part=status]) { font-size: 14px; line-height: 20px; }
[part=label] { margin-bottom: 6px; font-weight: 600; }
[part=input] {
  width: 100%; min-height: 48px; padding: 10px 14px; border: 1px solid var(--edge); border-radius: var(--radius);
  color: inherit; font: inherit;
}
[part=input]:focus-visible { outline: 3px solid var(--ring); border-color: var(--accent); }
[part=input][aria-invalid] { border-color: var(--error); }
[part=input][aria-invalid]:focus-visible { outline-color: color-mix(in srgb, var(--error) 30%, transparent); }
button, a { font: inherit; cursor: pointer; }
:is(a, button):focus-visible { outline: 2px solid var(--accent); outline-offset: 3px; border-radius: var(--radius); }
[part~=button] {
  position: relative; overflow: hidden;
  min-height: 48px; padding: 11px 14px; border: 1px solid transparent; border-radius: var(--radius);
  background: var(--accent); color: var(--on-accent); font-weight: 600; text-align: center; text-decoration: none;
}
[part~=button]:hover { background: color-mix(in srgb, var(--accent) 88%, var(--ink)); }
[part~=second] { border-color: var(--edge); background: transparent; color: var(--ink); }
[part~=second]:hover { background: color-mix(in srgb, var(--ink) 5%, transparent); }
[part~=button][aria-disabled] {
  border-color: var(--line); background: transparent; color: var(--muted); cursor: default;
}
[part~=button][aria-busy] { cursor: progress; }
[part~=button][aria-busy]::after {
  content: ""; position: absolute; bottom: 0; left: -40%; width: 40%; border-bottom: 3px solid; opacity: 0.7;
  animation: busy 1.2s 0.15s linear infinite;
}
@keyframes busy { to { left: 100%; } }
b { color: var(--ink); font-weight: 600; font-variant-numeric: tabular-nums; }
[part~=clock] b { white-space: nowrap; }
[part=links] { display: flex; flex-wrap: wrap; gap: 0 24px; }
[part=links] > [part~=button] { flex: 1; }
[part=link] {
  padding: 10px 0; border: 0; background: none; color: var(--accent); line-height: 24px; font-weight: 500;
  text-decoration: underline 1px; text-underline-offset: 3px;
}
.step {
  display: grid; gap: 16px; min-width: 0; margin: 0; padding: 20px 0 0; border: 0; border-top: 1px solid var(--line);
}
.step[hidden], .step [hidden], .choices:empty { display: none; }
[part=legend] { float: inline-start; width: 100%; padding: 0; font-weight: 600; }
[part=legend] + [part~=note] { margin-top: -12px; }
.choices { display: grid; margin-block: -8px; }
[part=choice] {
  display: flex; align-items: center; gap: 10px; min-height: 44px; font-size: 15px; font-weight: 500; cursor: pointer;
}
[part=choice] input { flex: none; width: 18px; height: 18px; margin: 0; accent-color: var(--accent); }
.phone { display: grid; gap: 8px; }
[part=reveal] {
  position: absolute; inset-block: 2px; inset-inline-end: 2px; padding: 8px 14px; border: 0; background: none;
  color: var(--muted); font-size: 14px; font-weight: 500;
}
[part=reveal]:hover { color: var(--ink); }
[part=reveal]:focus-visible { outline-offset: -4px; }
.secret { position: relative; }
.secret [part=input] { padding-inline-end: var(--reveal, 96px); }
[dir=rtl] [part=input] { direction: ltr; text-align: right; padding-inline: 14px; }
[dir=rtl] .secret [part=input] { padding-left: var(--reveal, 96px); }
:is([dir=rtl], .views:lang(hi)) * { letter-spacing: normal !important; }
.views:lang(ja) { word-break: auto-phrase; }
.views:is(:lang(ja), :lang(zh)) :is(p, li) { text-wrap: balance; }
.views:lang(ko) { word-break: keep-all; }
[part=meter] { height: 4px; margin-top: -12px; border-radius: 2px; background: var(--line); overflow: hidden; }
[part=bar] {
  display: block; width: 0; height: 100%; border-radius: 2px; background: var(--warning); transition: width
  0.2s;
}
[aria-valuenow="1"] [part=bar] { width: 25%; }
[aria-valuenow="2"] [part=bar] { width: 50%; }
[aria-valuenow="3"] [part=bar] { width: 75%; background: var(--accent); }
[aria-valuenow="4"] [part=bar] { width: 100%; background: var(--accent); }
[part=rules] { display: grid; gap: 4px; margin-top: -12px; padding: 0; list-style: none; }
li { position: relative; padding-inline-start: 24px; }
li::before {
  content: ""; position: absolute; inset-inline-start: 2px; top: 4px; width: 12px; height: 12px;
  border: 1.5px solid currentcolor; border-radius: 50%;
}
[part~=met] { color: var(--accent); }
[part~=broken] { color: var(--error); }
[part~=met]::before {
  inset-inline-start: 5px; top: 3px; width: 5px; height: 10px;
  border-width: 0 1.75px 1.75px 0; border-radius: 0; transform: rotate(45deg);
}
[part~=broken]::before, [part~=broken]::after {
  content: ""; position: absolute; inset-inline-start: 1px; top: 9px; width: 14px; height: 0;
  border: solid; border-width: 1.75px 0 0; border-radius: 0; transform: rotate(45deg);
}
[part~=broken]::after { transform: rotate(-45deg); }
.unseen {
  position: absolute; width: 1px; height: 1px; margin: -1px; padding: 0; border: 0; overflow: hidden; clip-path:
  inset(50%);
}
@media (prefers-reduced-motion: reduce) {
  *, ::after { transition: none !important; animation: none !important; }
  [part~=button][aria-busy]::after { left: 0; width: 100%; }
}
@media (forced-colors: active) {
  [part=bar] { background: Highlight !important; }
  [part=meter] { height: 8px; border: 1px solid; }
  [part~=button][aria-disabled] { border-color: GrayText; color: GrayText; }
}
`;
