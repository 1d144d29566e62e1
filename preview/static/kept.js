// What a reader has chosen, kept by the browser. In a frame of another site, a browser may refuse to keep anything: then
// it counts until the page is closed.

const here = new Map();

export function kept(name) {
  try {
    return localStorage.getItem(name);
  } catch {
    return here.get(name) ?? null;
  }
}

export function keep(name, value) {
  try {
    localStorage.setItem(name, value);
  } catch {
    here.set(name, value);
  }
}
