// The form of a mail's data: made from the JSON Schema of the page, and read back into the edit of the address.

import { element } from "./element.js";
import { blank, kindOf, textOf, valueOf, zoneOf } from "./fields.js";

const TYPES = { number: "number", moment: "datetime-local", day: "date", clock: "time" };

// Makes the fields of a page, which may be one that was just fetched.
export function build(page) {
  const data = dataOf(page);
  const place = page.querySelector("#data-fields");
  if (!data || !place || !Object.keys(data.schema.properties).length) return;
  const fields = parts(data);
  const edit = editBetween(data, data.values);
  const reset = element("a", { id: "reset", "data-then": fields[0].id, href: addressOf(data, "") }, "Reset all");
  place.replaceChildren(...(edit ? [element("p", { class: "edited" }, reset)] : []), ...fields.map((field) => shown(field)));
}

// The address of the page with what a form holds; `submitter`: a button that adds or removes an item.
export function addressWith(form, submitter) {
  return addressOf(dataOf(document), editOf(form, submitter));
}

// The edit that a form holds.
export function editOf(form, submitter) {
  const data = dataOf(document);
  const values = group(parts(data), form);
  change(values, data.schema, submitter);
  return editBetween(data, values);
}

function dataOf(page) {
  const form = page.querySelector("form[data-edits]");
  return form && JSON.parse(form.dataset.values);
}

function addressOf({ address }, edit) {
  return edit ? `${address}${address === "?" ? "" : "&"}edit=${encodeURIComponent(edit)}` : address;
}

// The shortest edit: the changed fields, and below "" the names of removed ones.
function editBetween({ start }, values) {
  const isNew = ([name, value]) => JSON.stringify(value) !== JSON.stringify(start[name]);
  const changes = Object.entries(values).filter(isNew);
  const gone = Object.keys(start).filter((name) => !Object.hasOwn(values, name));
  if (!changes.length && !gone.length) return "";
  return JSON.stringify(Object.fromEntries([...changes, ...(gone.length ? [["", gone]] : [])]));
}

function parts({ schema, values, start, faults }, place = "") {
  return Object.entries(schema.properties).map(([name, property]) => {
    const droppable = schema.droppable?.includes(name) ?? false;
    const value = Object.hasOwn(values, name) ? values[name] : droppable ? undefined : property.default;
    const there = `${place}/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`;
    return fieldOf(property, there, name, value, start?.[name], faults, droppable);
  });
}

function fieldOf(schema, place, name, value, start, faults, droppable = false) {
  const kind = kindOf(schema, value, start);
  const missing = value === null || value === undefined;
  const always = !schema.nullable && !droppable;
  const zone = kind === "moment" || kind === "clock" ? zoneOf(value) || zoneOf(start) : "";
  const isUnset = missing && !always;
  const field = { schema, place, name, kind, value, zone, droppable, always, isUnset, shown: textOf(kind, value) };
  const within = kind !== "group" && kind !== "many" && Object.keys(faults).find((one) => one.startsWith(`${place}/`));
  field.id = `field${place.replace(/[^\p{L}\p{N}/_-]/gu, (sign) => `.${sign.codePointAt(0).toString(16)}.`)}`;
  field.fault = faults[place] ?? faults[within] ?? "";
  field.parts = [];
  if (kind === "group" && !missing) field.parts = parts({ schema, values: value, start, faults }, place);
  if (kind === "many" && !missing) {
    const item = (one, at) => fieldOf(schema.items, `${place}/${at}`, `${at + 1}`, one, start?.[at] ?? one, faults);
    field.parts = value.map(item);
  }
  return field;
}

function shown(field, many = "") {
  const { id, kind, name, schema } = field;
  const head = element("div", { class: "field-head" });
  const notes = [
    ...(schema.description ? [element("p", { id: `${id}-says`, class: "says" }, schema.description)] : []),
    element("p", { id: `${id}-misfit`, class: "misfit" }, field.fault),
  ];
  if (kind !== "group" && kind !== "many") {
    const own = control(field);
    const inHead = kind === "flag" ? [own] : [];
    head.append(...inHead, element("label", { for: id }, name), ...actions(field, many));
    return element("div", { id: `${id}-field`, class: "field" }, head, ...(inHead.length ? [] : [own]), ...notes);
  }
  head.append(...actions(field, many));
  const count = element("span", { class: "count" }, `${field.parts.length}`, hidden(" items"));
  const legend = element("legend", {}, name, ...(kind === "many" ? [" ", count] : []));
  const least = schema.minItems ?? 0;
  const removable = kind === "many" && field.parts.length > least;
  const inner = field.parts.map((part) => shown(part, removable ? id : ""));
  if (kind === "many" && !field.isUnset && !(field.parts.length >= schema.maxItems)) {
    inner.push(button(`${id}-add`, "button", "add", field.place, "Add", ` to ${name}`));
  }
  const said = field.fault ? `${id}-misfit` : false;
  const attributes = { id: `${id}-field`, class: "field nested", "aria-describedby": said };
  return element("fieldset", attributes, legend, head, ...notes, ...inner);
}

function actions({ id, name, place, kind, always, isUnset }, many) {
  const found = [];
  if (!always && kind !== "choice") {
    const box = element("input", { id: `${id}-unset`, type: "checkbox", checked: isUnset });
    found.push(element("label", { class: "unset" }, box, hidden(`${name} `), "unset"));
  }
  if (many) {
    const remove = button(`${id}-remove`, "link", "remove", place, "Remove", ` ${name}`);
    remove.dataset.then = `${many}-add`;
    found.push(remove);
  }
  return found;
}

function control(field) {
  const { id, place, kind, schema, value, shown: text, fault, isUnset, zone } = field;
  const said = [schema.description && `${id}-says`, fault && `${id}-misfit`].filter(Boolean).join(" ");
  const common = { id, name: place, "aria-describedby": said || false, "aria-invalid": fault ? "true" : false };
  if (kind === "flag") return element("input", { ...common, type: "checkbox", checked: value });
  if (kind === "choice") {
    const options = schema.enum.map((one) => [textOf(kind, one), `${one}`]);
    if (!field.always) options.unshift(["", "unset"]);
    if (text && !options.some(([one]) => one === text)) options.unshift([text, `${value}`]);
    const chosen = isUnset ? "" : text;
    const option = ([one, label]) => element("option", { value: one, selected: one === chosen }, label);
    return element("select", common, ...options.map(option));
  }
  if (kind === "lines" || kind === "json") {
    const rows = `${Math.max(text.split("\n").length, 2)}`;
    if (kind === "lines") return element("textarea", { ...common, rows, dir: "auto", ...limits(field) }, text);
    return element("textarea", { ...common, rows, class: "json", spellcheck: "false", dir: "ltr" }, text);
  }
  const input = element("input", { ...common, type: TYPES[kind] ?? "text", value: text, ...limits(field) });
  if (kind === "line") input.dir = "auto";
  const zones = zone ? [element("span", { class: "zone" }, zone === "Z" || zone === "+00:00" ? "UTC" : zone)] : [];
  return element("span", { class: "control" }, input, ...zones);
}

// The constraints of a type as attributes. A value that is no number needs a control that shows it.
function limits({ schema, kind, value, always }) {
  const required = always && Boolean(kind !== "line" || schema.format || schema.minLength);
  if (kind === "moment" || kind === "clock") return { step: "any" };
  const lengths = { minlength: schema.minLength || false, maxlength: schema.maxLength };
  if (kind !== "number") return { ...lengths, required: required && kind !== "lines" };
  if (typeof value === "string" && value.trim()) return { type: "text", inputmode: "decimal" };
  const whole = schema.type === "integer" ? 1 : 0;
  const step = schema.multipleOf ?? (whole || "any");
  let min = schema.minimum ?? (schema.exclusiveMinimum === undefined ? undefined : schema.exclusiveMinimum + whole);
  if (schema.multipleOf && min !== undefined) min = Math.ceil(min / step) * step; // the steps of HTML start at `min`
  const max = schema.maximum ?? (schema.exclusiveMaximum === undefined ? undefined : schema.exclusiveMaximum - whole);
  return { min, max, step, required };
}

function button(id, className, name, value, says, more) {
  const attributes = { id, class: className, type: "submit", name, value, formnovalidate: "" };
  return element("button", attributes, says, hidden(more));
}

function hidden(text) {
  return element("span", { class: "hidden" }, text);
}

function group(fields, form) {
  const values = fields.map((field) => [field.name, read(field, form)]);
  return Object.fromEntries(values.filter(([, value]) => value !== undefined));
}

function read(field, form) {
  const { id, kind, schema, droppable, isUnset, value, place } = field;
  if (document.getElementById(`${id}-unset`)?.checked) return droppable ? undefined : null;
  if (kind === "group" || kind === "many") {
    if (isUnset) return blank(schema, false);
    return kind === "group" ? group(field.parts, form) : field.parts.map((part) => read(part, form));
  }
  const made = form.elements[place];
  if (!made) return value;
  if (kind === "flag") return made.checked === (value ?? false) ? value : made.checked;
  return valueOf(field, made.value);
}

// Adds an item, a copy of the last, which is most plausible; or removes one.
function change(values, schema, submitter) {
  if (submitter?.name !== "add" && submitter?.name !== "remove") return;
  const steps = submitter.value.split("/").slice(1);
  const names = steps.map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"));
  const last = submitter.name === "remove" ? names.pop() : undefined;
  let items = values;
  for (const step of names) {
    items = items[step];
    schema = schema.items ?? schema.properties[step];
  }
  if (last !== undefined) items.splice(Number(last), 1);
  else items.push(items.at(-1) ?? blank(schema.items));
}
