// Completions at the caret: elements allowed in their parent, attributes, classes, and the mail's variables.

const HTML = ["a", "b", "br", "div", "em", "h1", "h2", "h3", "hr", "i", "img", "li", "ol", "p", "span", "strong", "table", "td", "th", "tr", "u", "ul"];
const STATEMENTS = ["block", "elif", "else", "endblock", "endfor", "endif", "endmacro", "endset", "extends", "filter", "for", "from", "if", "import", "include", "macro", "set", "trans"];
const WORDS = ["and", "else", "false", "if", "in", "is", "not", "none", "or", "true"];
const TAG = /<(\/?)([A-Za-z][\w-]*)(?![\w-])((?:"[^"]*"|'[^']*'|[^"'<>])*?)(\/?)>/g;
const VOID = new Set(["br", "hr", "img", "col", "input", "meta", "link"]);
const NEAR = 4000;

let known = { from: "", words: Promise.resolve(null) };

// Returns a source of completions. In files without markup it completes only Jinja.
export function completions(markup) {
  return async (context) => {
    const words = await wordsOfMail();
    if (!words) return null;
    const before = context.state.sliceDoc(Math.max(0, context.pos - NEAR), context.pos);
    const inside = openJinja(before);
    if (inside) return ofJinja(inside, context, words);
    return markup ? ofMarkup(before, context, words) : null;
  };
}

async function wordsOfMail() {
  const from = document.querySelector("[data-editing]")?.dataset.words;
  if (!from) return null;
  if (known.from !== from) known = { from, words: fetch(from).then((answer) => (answer.ok ? answer.json() : null)).catch(() => null) };
  return known.words;
}

// Returns the text behind the last open {{ or {%.
function openJinja(before) {
  const [opened, closed] = [Math.max(before.lastIndexOf("{{"), before.lastIndexOf("{%")), Math.max(before.lastIndexOf("}}"), before.lastIndexOf("%}"))];
  return opened > closed ? { statement: before[opened + 1] === "%", text: before.slice(opened + 2) } : null;
}

function ofJinja({ statement, text }, context, words) {
  let found;
  if (/["'][^"']*$/.test(text.replace(/(["']).*?\1/g, ""))) return null; // within a string
  if ((found = text.match(/\|\s*(\w*)$/))) return result(context, found[1], words.filters, "filter");
  if ((found = text.match(/\bis\s+(?:not\s+)?(\w*)$/))) return result(context, found[1], words.tests, "test");
  if ((found = text.match(/(?<![\w.])([A-Za-z_][\w.]*)\.(\w*)$/))) {
    return result(context, found[2], Object.keys(resolve(found[1], context, words)?.attributes ?? {}), "attribute");
  }
  found = text.match(/(?<!\w)(\w*)$/);
  if (statement && /^[-+]?\s*\w*$/.test(text)) return result(context, found[1], STATEMENTS, "statement");
  const names = [...Object.keys(words.variables), ...loops(context).keys()];
  return result(context, found[1], names, "variable", statement ? WORDS : []);
}

// Returns the variables of the loops above the caret, with the list of each.
function loops(context) {
  const above = context.state.sliceDoc(0, context.pos).matchAll(/\{%-?\s*for\s+(\w+)\s+in\s+([\w.]+)/g);
  return new Map([...above].map(([, name, list]) => [name, list]));
}

function resolve(path, context, words, depth = 0) {
  const [first, ...rest] = path.split(".");
  const list = loops(context).get(first);
  let at = list && depth < 5 ? resolve(list, context, words, depth + 1)?.item : words.variables[first];
  for (const name of rest) at = at?.attributes?.[name];
  return at;
}

function ofMarkup(before, context, words) {
  const opened = before.lastIndexOf("<");
  const tag = before.slice(opened).replace(/\{\{(?:(?!\{\{).)*?\}\}|\{%(?:(?!\{%).)*?%\}/gs, "");
  if (opened < 0 || />/.test(tag.replace(/(["']).*?\1/gs, ""))) return null;
  let found;
  if ((found = tag.match(/^<\/([\w-]*)$/))) return result(context, found[1], [parentOf(context, opened, before)].filter(Boolean), "closes");
  if ((found = tag.match(/^<([\w-]*)$/))) return result(context, found[1], elements(parentOf(context, opened, before), words), "element");
  const rules = words.elements[tag.match(/^<([\w-]+)/)?.[1]];
  if ((found = tag.match(/\s([\w-]+)\s*=\s*(["'])([^"']*)$/))) return ofValue(found[1], found[3], rules, context, words);
  if (!(found = tag.match(/\s([\w-]*)$/)) || !rules) return null;
  const there = new Set([...tag.matchAll(/\s([\w-]+)\s*=/g)].map(([, name]) => name));
  const options = Object.entries(rules.attributes).filter(([name]) => !there.has(name));
  return made(context, found[1], options.map(([label, detail]) => ({ label, detail, type: "attribute", apply: attribute })));
}

function ofValue(name, value, rules, context, words) {
  const last = value.match(/[^\s]*$/)[0];
  if (name === "css-class" || name === "class") return result(context, last, words.classes, "class");
  if (name === "mj-class") return result(context, last, words.mj_classes, "mj-class");
  const choices = rules?.attributes[name]?.match(/^enum\((.*)\)$/)?.[1].split(",") ?? (rules?.attributes[name] === "boolean" ? ["true", "false"] : []);
  return result(context, last, choices, name);
}

// Returns the element around the caret, as far as this file shows it.
function parentOf(context, opened, before) {
  const open = [];
  const above = context.state.sliceDoc(0, context.pos - (before.length - opened));
  for (const [, closes, name, , itself] of above.matchAll(TAG)) {
    if (itself || VOID.has(name)) continue;
    if (!closes) open.push(name);
    else if (open.includes(name)) open.length = open.lastIndexOf(name);
  }
  return open.at(-1) ?? "";
}

function elements(parent, words) {
  const rules = words.elements[parent];
  if (rules?.children.length) return rules.children;
  return parent ? HTML : Object.keys(words.elements);
}

function result(context, typed, names, detail, more = []) {
  const options = [...new Set(names)].map((label) => ({ label, detail }));
  return made(context, typed, [...options, ...more.map((label) => ({ label, boost: -50 }))]);
}

function made(context, typed, options) {
  return options.length ? { from: context.pos - typed.length, options, validFor: /^[\w-]*$/ } : null;
}

function attribute(view, { label }, from, to) {
  view.dispatch({ changes: { from, to, insert: `${label}=""` }, selection: { anchor: from + label.length + 2 }, userEvent: "input.complete" });
}
