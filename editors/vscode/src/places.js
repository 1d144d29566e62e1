// @ts-check
// Finds things by text alone: the folder of the mails, the command, the page of a file, the cause of a failure.
"use strict";

const path = require("node:path");

/** Endings of the templates that Keyturn reads. */
const ENDINGS = ["mjml", "html", "j2", "jinja", "jinja2", "tpl", "liquid"];

/** Endings of the files beside a template: its text part and its samples. */
const BESIDE = ["txt", "text", "toml", "yaml", "yml", "json"];

const LAST = new RegExp(`(?:\\.(?:${[...ENDINGS, ...BESIDE].join("|")}))+$`, "i");

/** Files that show where mails are: all MJML, and templates in folders that are named after mails. */
const MAILS = [
  "**/*.mjml{,.j2,.jinja,.jinja2,.liquid}",
  `**/{email,emails,mail,mails,email_templates,notifications}/**/*.{${ENDINGS.join(",")}}`,
];

const NO_MAILS = "**/{node_modules,site-packages,.venv,venv,dist,build,htmlcov,.git}/**";

/** Return the folder that the text of keyturn.toml or pyproject.toml names; "" if it names none. */
function folderInSettings(/** @type {string} */ name, /** @type {string} */ text) {
  const section = name === "pyproject.toml" ? "tool.keyturn.studio" : "studio";
  let inside = false;
  for (const line of text.split(/\r?\n/)) {
    const header = /^\s*\[([^[\]]+)\]/.exec(line);
    if (header) inside = header[1].replace(/\s/g, "") === section;
    const folder = inside && /^\s*folder\s*=\s*(["'])(.*?)\1/.exec(line);
    if (folder) return folder[2];
  }
  return "";
}

/** Return the innermost folder that holds all these relative paths: "." for the topmost, "" without paths. */
function commonFolder(/** @type {string[]} */ files) {
  const [first, ...others] = files.map((file) => file.split("/").slice(0, -1));
  if (!first) return "";
  const length = first.findIndex((part, at) => others.some((parts) => parts[at] !== part));
  return (length < 0 ? first : first.slice(0, length)).join("/") || ".";
}

/** Return where the command may be, the likeliest first. `search`: PATH. `platform`: as in `process.platform`. */
function commandPlaces(/** @type {string} */ workspace, /** @type {string} */ search = "", platform = "linux") {
  const { join, delimiter } = platform === "win32" ? path.win32 : path.posix;
  const [below, name] = platform === "win32" ? ["Scripts", "keyturn.exe"] : ["bin", "keyturn"];
  const environments = [".venv", "venv"].map((folder) => join(workspace, folder, below));
  return [...environments, ...search.split(delimiter).filter(Boolean)].map((folder) => join(folder, name));
}

/**
 * Return the path of the studio's page that shows a file; "" if it has none.
 * @param {{kind: string, label: string, href: string}[]} index the studio's index.json
 * @param {string} file its absolute path, with slashes
 */
function pageOf(index, file) {
  const stem = file.replace(LAST, "");
  const owner = stem.replace(/\/samples(?=\/|$)|\.samples$/g, "");
  const longest = [...index].sort((one, other) => other.label.length - one.label.length);
  const find = (/** @type {string} */ wanted, /** @type {string} */ name) =>
    longest.find(({ kind, label }) => kind === wanted && name.endsWith(`/${label}`))?.href;
  const names = [stem, path.posix.dirname(stem), owner, path.posix.dirname(owner)];
  return find("Shared file", file) ?? names.map((name) => find("Template", name)).find(Boolean) ?? "";
}

/** Return the sentence of a command's standard error that says why it has ended. */
function causeIn(/** @type {string} */ text) {
  const lines = text.split(/\r?\n/).filter((line) => line.trim());
  const said = lines.find((line) => /^(?:keyturn|Error): /.test(line)) ?? lines.at(-1) ?? "The command ended without a reason.";
  return said.replace(/^(?:keyturn|Error): /, "").trim();
}

module.exports = { ENDINGS, MAILS, NO_MAILS, folderInSettings, commonFolder, commandPlaces, pageOf, causeIn };
