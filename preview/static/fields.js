// The kinds of values in a form of data: the text that a control shows of a value, and the value of a text.

const LONG = 40;
const ROOMY = 80;
const MOMENT = /^(\d{4}-\d\d-\d\dT\d\d:\d\d)(?::(\d\d)(?:\.(\d{1,6}))?)?(Z|[+-]\d\d:\d\d)?$/;
const CLOCK = /^(\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?)(Z|[+-]\d\d:\d\d)?$/;
const FORMATS = { "date-time": "moment", date: "day", time: "clock", duration: "span" };
const NEVER_EMPTY = new Set(["number", "moment", "day", "clock", "span", "choice"]);
const BLANKS = { "date-time": "2026-11-20T14:32:00Z", date: "2026-11-20", time: "14:32:00", duration: "PT30M" };

// `start`: the value before the edit. The control must not turn into another one while the user types.
export function kindOf(schema, value, start) {
  const unset = value === null || value === undefined;
  if (schema.enum) return "choice";
  if (schema.type === "integer" || schema.type === "number") return "number";
  if (schema.type === "boolean" && (unset || typeof value === "boolean")) return "flag";
  if (schema.type === "array" && (unset || Array.isArray(value))) return "many";
  if (schema.type === "object" && (unset || (typeof value === "object" && !Array.isArray(value)))) return "group";
  if (schema.type !== "string") return "json";
  const kind = FORMATS[schema.format] ?? "line";
  const exact = { moment: MOMENT, clock: CLOCK }[kind];
  if (value && exact && !exact.test(value)) return "line";
  if (kind !== "line" || schema.format) return kind;
  const roomy = !(schema.maxLength <= ROOMY) && `${start ?? ""}`.length > LONG && !`${start}`.startsWith("data:");
  return roomy || `${value ?? ""}`.includes("\n") ? "lines" : "line";
}

export function textOf(kind, value) {
  if (value === null || value === undefined) return "";
  if (kind === "choice") return JSON.stringify(value);
  if (typeof value !== "string") return JSON.stringify(value, null, kind === "json" ? 2 : 0);
  if (kind === "moment") {
    const [, minute, second = "00", part] = MOMENT.exec(value) ?? [];
    if (!minute) return "";
    return part ? `${minute}:${second}.${part.slice(0, 3)}` : minute + (second === "00" ? "" : `:${second}`);
  }
  return kind === "clock" ? (CLOCK.exec(value)?.[1] ?? value) : value;
}

// The zone at the end of a moment, which its control cannot show.
export function zoneOf(value) {
  return /(?:Z|[+-]\d\d:\d\d)$/.exec(`${value ?? ""}`)?.[0] ?? "";
}

// A text that has no value is returned itself: the server says what is wrong.
export function valueOf({ kind, zone, droppable, always, value, shown, isUnset }, text) {
  if (text === shown.replaceAll("\r\n", "\n") && !isUnset) return value;
  if (!text) return !always && NEVER_EMPTY.has(kind) ? (droppable ? undefined : null) : text;
  if (kind === "number") return text.trim() && Number.isFinite(Number(text)) ? Number(text) : text;
  if (kind === "moment" || kind === "clock") return text + (/(^|T)\d\d:\d\d$/.test(text) ? ":00" : "") + zone;
  if (kind !== "choice" && kind !== "json") return text;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

// The simplest value of a type; null if that is allowed and `optional`.
export function blank(schema, optional = true) {
  if (optional && schema.nullable) return null;
  if (schema.enum) return schema.enum[0];
  switch (schema.type) {
    case "integer":
    case "number":
      if (schema.exclusiveMinimum !== undefined) return schema.exclusiveMinimum + 1;
      return schema.minimum ?? Math.min(0, schema.maximum ?? 0);
    case "boolean":
      return false;
    case "array":
      return [];
    case "object":
      return Object.fromEntries(schema.required.map((name) => [name, blank(schema.properties[name])]));
  }
  return BLANKS[schema.format] ?? "x".repeat(schema.minLength ?? 0);
}
