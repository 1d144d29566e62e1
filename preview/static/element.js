// Creates an element with attributes and content. An attribute is left out if it is false or nothing, and empty if true.
export function element(name, attributes = {}, ...content) {
  const made = document.createElement(name);
  for (const [attribute, value] of Object.entries(attributes)) {
    if ((value ?? false) !== false) made.setAttribute(attribute, value === true ? "" : value);
  }
  made.append(...content);
  return made;
}
