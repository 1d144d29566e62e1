"use strict";

const assert = require("node:assert/strict");
const { test } = require("node:test");
const { causeIn, commandPlaces, commonFolder, folderInSettings, pageOf } = require("../src/places.js");

const INDEX = [
  { kind: "Template", label: "welcome", href: "/studio/templates/welcome" },
  { kind: "Template", label: "orders/order shipped", href: "/studio/templates/orders/order%20shipped" },
  { kind: "Sample", label: "welcome / ada", href: "/studio/templates/welcome?sample=ada" },
  { kind: "Shared file", label: "_layout/base.mjml", href: "/studio/files/_layout/base.mjml" },
];

for (const [file, page] of [
  ["welcome.mjml", "templates/welcome"],
  ["welcome.html.j2", "templates/welcome"],
  ["welcome.txt", "templates/welcome"],
  ["welcome.samples.toml", "templates/welcome"],
  ["welcome/index.mjml", "templates/welcome"],
  ["welcome/samples.toml", "templates/welcome"],
  ["samples/welcome/ada.json", "templates/welcome"],
  ["samples/welcome.toml", "templates/welcome"],
  ["orders/order shipped.mjml", "templates/orders/order%20shipped"],
  ["_layout/base.mjml", "files/_layout/base.mjml"],
]) {
  test(`${file} has a page`, () => assert.equal(pageOf(INDEX, `/shop/emails/${file}`), `/studio/${page}`));
}

test("a file that is no mail has no page", () => {
  assert.equal(pageOf(INDEX, "/shop/emails/unwelcome.mjml"), "");
  assert.equal(pageOf([], "/shop/emails/welcome.mjml"), "");
});

for (const [name, text, folder] of [
  ["keyturn.toml", "[studio]\nfolder = \"mails\" # ours\n", "mails"],
  ["keyturn.toml", "[mail]\nfolder = \"no\"\n\n[ studio ]\r\nengine = \"liquid\"\r\nfolder = 'emails'\r\n", "emails"],
  ["keyturn.toml", "[studio.globals]\nfolder = \"no\"\n", ""],
  ["pyproject.toml", "[studio]\nfolder = \"no\"\n[tool.keyturn.studio]\nfolder=\"app/emails\"\n", "app/emails"],
  ["pyproject.toml", "", ""],
]) {
  test(`${name} names ${folder || "no folder"}`, () => assert.equal(folderInSettings(name, text), folder));
}

for (const [files, folder] of [
  [["emails/a.mjml", "emails/b/c.mjml"], "emails"],
  [["app/emails/a.mjml", "app/emails-old/b.mjml"], "app"],
  [["a.mjml", "emails/b.mjml"], "."],
  [["emails/a/b.mjml"], "emails/a"],
  [[], ""],
]) {
  test(`[${files}] are in "${folder}"`, () => assert.equal(commonFolder(files), folder));
}

test("the command of the workspace's environment comes before those on PATH", () => {
  assert.deepEqual(commandPlaces("/shop", "/usr/bin:", "linux"), [
    "/shop/.venv/bin/keyturn",
    "/shop/venv/bin/keyturn",
    "/usr/bin/keyturn",
  ]);
  assert.deepEqual(commandPlaces("C:\\shop", "C:\\a;C:\\b", "win32").slice(0, 3), [
    "C:\\shop\\.venv\\Scripts\\keyturn.exe",
    "C:\\shop\\venv\\Scripts\\keyturn.exe",
    "C:\\a\\keyturn.exe",
  ]);
});

for (const [text, cause] of [
  ["keyturn: there is no folder emails\n  There are templates in mails.\n", "there is no folder emails"],
  ["Usage: keyturn studio [OPTIONS]\n\nError: No such option: --framed-by\n", "No such option: --framed-by"],
  ["Traceback (most recent call last):\nMemoryError\n", "MemoryError"],
  ["", "The command ended without a reason."],
]) {
  test(`a failure is told as "${cause}"`, () => assert.equal(causeIn(text), cause));
}
