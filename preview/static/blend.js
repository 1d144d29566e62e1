// Merges a new state of a page into the old one. Unchanged elements stay, with focus, caret and undo.

let typing = null;
let unsent = null;

// Protects the control that the user types in, until another one or null replaces it.
export function hold(control) {
  typing = control;
}

// Protects a form whose values are too long for an address, until it is sent.
export function keep(form) {
  unsent = form;
}

// Gives `here` the content of `next`.
export function blend(here, next) {
  let at = here.firstChild;
  for (const node of [...next.childNodes]) {
    const same = following(at, node);
    if (!same) {
      here.insertBefore(node, at);
      continue;
    }
    while (at !== same) at = removed(at);
    renew(same, node);
    at = same.nextSibling;
  }
  while (at) at = removed(at);
}

// A text is the same only in its place: the blank before a new row must not remove the next row. A frame with another
// address is another one, since a frame that changes its own adds an entry to the history.
function following(start, node) {
  if (node.nodeType !== Node.ELEMENT_NODE) return start?.nodeName === node.nodeName ? start : null;
  for (let one = start; one; one = one.nextSibling) {
    if (one.nodeName === node.nodeName && one.id === node.id && one.name === node.name && one.src === node.src) return one;
  }
  return null;
}

function removed(node) {
  const next = node.nextSibling;
  node.remove();
  return next;
}

function renew(node, next) {
  if (node.nodeType !== Node.ELEMENT_NODE) {
    if (node.data !== next.data) node.data = next.data;
    return;
  }
  if (node.hasAttribute("data-own")) return; // a script owns it, and the page's HTML does not contain it
  if (node === typing && node.type !== next.type) next.setAttribute("type", node.getAttribute("type"));
  for (const { name } of [...node.attributes]) if (!next.hasAttribute(name)) node.removeAttribute(name);
  for (const { name, value } of next.attributes) if (node.getAttribute(name) !== value) node.setAttribute(name, value);
  if (node.matches("input, select, textarea")) fill(node, next);
  else blend(node, next);
}

// Typing also clears the field's "unset" box. An older page must not set it again before the form is sent.
function isHeld(control) {
  if (unsent !== null && control.form === unsent) return true;
  return typing !== null && (control === typing || control.id === `${typing.id}-unset`);
}

function fill(control, next) {
  if (control.matches("select")) blend(control, next.cloneNode(true));
  if (isHeld(control) || control.hasAttribute("data-kept")) return;
  if (control.checked !== next.checked) control.checked = next.checked;
  if (control.value !== next.value) control.value = next.value;
}
