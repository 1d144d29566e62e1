// Opens the editor in a page that has a place for it. Other pages do not load the editor.

const canvas = document.querySelector(".canvas");
const toolbar = document.querySelector(".toolbar");
let open = null;
let opening = null;

export function useEditing() {
  new MutationObserver(look).observe(canvas, { childList: true });
  new MutationObserver(() => open?.viewChanged()).observe(toolbar, { childList: true });
  look();
}

async function look() {
  const section = canvas.querySelector("[data-editor]");
  if (section === opening) return;
  open?.close();
  open = null;
  opening = section;
  if (!section) return;
  const { openEditor } = await import("./editing/editor.js");
  const opened = await openEditor(section);
  if (opening === section) open = opened;
  else opened?.close();
}
