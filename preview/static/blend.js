// A new state of a page put into the old one, so that what is the same stays where it is, with focus, caret and undo.

let typing = null;
let unsent = null;

// What is being typed in is left alone until it is let go.
export function hold(control) {
  typing = control;
}

// What stands in a form alone, and in no address, is left alone until it is sent.
export function keep(form) {
  unsent = form;
}

// Makes `here` hold what `next` holds.
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

function following(start, node) {
  for (let one = start; one; one = one.nextSibling) {
    if (one.nodeName === node.nodeName && one.id === node.id && one.name === node.name) return one;
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
  if (node.hasAttribute("data-own")) return; // a script's: a page that comes late knows nothing of it
  if (node === typing && node.type !== next.type) next.setAttribute("type", node.getAttribute("type"));
  for (const { name } of [...node.attributes]) if (!next.hasAttribute(name)) node.removeAttribute(name);
  for (const { name, value } of next.attributes) if (node.getAttribute(name) !== value) node.setAttribute(name, value);
  if (node.matches("input, select, textarea")) fill(node, next);
  else blend(node, next);
}

// Typing also sets what was unset: until that is sent, a page that is older must not take it back.
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
