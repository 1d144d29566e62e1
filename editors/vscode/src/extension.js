// @ts-check
// Starts `keyturn lsp` and `keyturn studio` for the folder of mails in a workspace folder, and shows the studio's page
// of the mail that is being edited.
"use strict";

const { spawn } = require("node:child_process");
const { existsSync } = require("node:fs");
const path = require("node:path");
const vscode = require("vscode");
const { CloseAction, ErrorAction, LanguageClient } = require("vscode-languageclient/node");
const places = require("./places");

/** Milliseconds for the studio to say its address, and then to answer. */
const PATIENCE = 60_000;
const TEMPLATES = `**/*.{${places.ENDINGS.join(",")}}`;
let output = /** @type {vscode.LogOutputChannel} */ (/** @type {unknown} */ (null));
/** What runs for each workspace folder. */
const opened = /** @type {Map<string, Promise<Mails | null>>} */ (new Map());

/** @param {string} sentence @param {Record<string, () => unknown>} ways what the user can do, by button */
async function explain(sentence, ways) {
  output.error(sentence);
  const way = await vscode.window.showErrorMessage(`Keyturn: ${sentence}`, ...Object.keys(ways));
  if (way) ways[way]();
}

const openSetting = (/** @type {string} */ name) =>
  vscode.commands.executeCommand("workbench.action.openSettings", `keyturn.${name}`);

const settingsOf = (/** @type {vscode.WorkspaceFolder} */ workspace) =>
  vscode.workspace.getConfiguration("keyturn", workspace.uri);

/** A process of the command. `ended` resolves to why it has ended; "" if that is no failure. */
class Process {
  constructor(/** @type {string} */ command, /** @type {string[]} */ words, /** @type {string} */ folder) {
    this.isAsked = false;
    output.info([command, ...words].join(" "));
    this.child = spawn(command, words, { cwd: folder });
    let said = "";
    this.child.stderr.setEncoding("utf8").on("data", (text) => {
      said = (said + text).slice(-10_000);
      output.info(text.trimEnd());
    });
    this.ended = new Promise((resolve) => {
      this.child.on("error", (error) => resolve(error.message));
      this.child.on("close", (code) => resolve(this.isAsked || code === 0 ? "" : places.causeIn(said)));
    });
    const end = () => this.end();
    process.once("exit", end); // also if the extension host ends without calling `deactivate`
    this.ended.then(() => process.off("exit", end));
  }

  end() {
    this.isAsked = true;
    this.child.kill();
  }
}

/** A client without messages of its own: `Mails` says why the server has ended. */
// @ts-expect-error the method is private, and there is no option for it
class Client extends LanguageClient {
  showNotificationMessage() {}
}

/** The folder of mails in a workspace folder: its language server, and its studio once a preview is wanted. */
class Mails {
  /** @param {vscode.WorkspaceFolder} workspace @param {string} folder @param {string} command */
  constructor(workspace, folder, command) {
    this.root = workspace.uri.fsPath;
    this.folder = folder;
    this.command = command;
    this.settings = settingsOf(workspace);
    this.address = /** @type {Promise<string> | null} */ (null);
    this.processes = /** @type {Process[]} */ ([]);
    this.watcher = vscode.workspace.createFileSystemWatcher(new vscode.RelativePattern(folder, "**/*"));
    this.client = new Client("keyturn", "Keyturn", async () => this.run("lsp").child, {
      documentSelector: [{ scheme: "file", pattern: { baseUri: String(vscode.Uri.file(folder)), pattern: TEMPLATES } }],
      synchronize: { fileEvents: this.watcher },
      outputChannel: output,
      initializationFailedHandler: () => false,
      errorHandler: {
        error: () => ({ action: ErrorAction.Continue, handled: true }),
        closed: () => ({ action: CloseAction.DoNotRestart, handled: true }), // `run` says why
      },
    });
    this.client.start().catch((error) => output.error(String(error)));
  }

  holds(/** @type {vscode.Uri} */ uri) {
    return uri.fsPath.startsWith(this.folder + path.sep);
  }

  run(/** @type {string} */ name, /** @type {string[]} */ more = []) {
    const given = this.settings.get("arguments", /** @type {string[]} */ ([]));
    const started = new Process(this.command, [name, this.folder, ...given, ...more], this.root);
    this.processes.push(started);
    started.ended.then((why) => why && explain(why, { Restart: restart, "Show log": () => output.show() }));
    return started;
  }

  /** Return the address of the studio, which is started if the settings name none. */
  async studio() {
    const named = /** @type {string} */ (this.settings.get("studio"));
    if (named) return named.replace(/\/+$/, "");
    this.address ??= this.startStudio();
    return this.address;
  }

  async startStudio() {
    const origins = await pagesAround();
    const { child, ended } = this.run("studio", ["--port", "0", ...origins.flatMap((one) => ["--framed-by", one])]);
    ended.then(() => (this.address = null));
    return new Promise((resolve, reject) => {
      let said = "";
      child.stdout.setEncoding("utf8").on("data", (text) => {
        said = (said + text).slice(-10_000);
        const address = /http:\/\/[\w.:[\]-]+\/studio/.exec(said);
        if (address) resolve(address[0]);
      });
      ended.then(() => reject(new Error("the studio has ended")));
      setTimeout(() => reject(new Error("the studio did not start in time")), PATIENCE).unref();
    });
  }

  async stop() {
    this.watcher.dispose();
    await this.client.dispose().catch(() => {});
    for (const one of this.processes) one.end();
  }
}

/** Return the origins of the pages around a preview: those of VS Code itself, or of the site that serves it. */
async function pagesAround() {
  if (vscode.env.uiKind === vscode.UIKind.Desktop) return ["vscode-webview:", "vscode-file:"];
  const own = await vscode.env.asExternalUri(vscode.Uri.parse(`${vscode.env.uriScheme}://keyturn.keyturn/`));
  return [`${own.scheme}://${own.authority}`, "https://*.vscode-cdn.net"];
}

/** Return the folder of mails in a workspace folder; "" if it has none. @param {vscode.WorkspaceFolder} workspace */
async function findFolder(workspace) {
  const [root, named] = [workspace.uri.fsPath, settingsOf(workspace).get("folder", "")];
  if (named) return path.resolve(root, named);
  for (const name of ["keyturn.toml", "pyproject.toml"]) {
    const read = vscode.workspace.fs.readFile(vscode.Uri.joinPath(workspace.uri, name));
    const text = await read.then((bytes) => new TextDecoder().decode(bytes), () => "");
    const folder = places.folderInSettings(name, text);
    if (folder) return path.resolve(root, folder);
  }
  const searches = places.MAILS.map((mails) =>
    vscode.workspace.findFiles(new vscode.RelativePattern(workspace, mails), places.NO_MAILS, 1000));
  const files = (await Promise.all(searches)).flat().map((uri) => path.posix.relative(workspace.uri.path, uri.path));
  const common = places.commonFolder(files);
  return common && path.resolve(root, common);
}

/** Start what a workspace folder needs; null without mails or without the command. @param {vscode.WorkspaceFolder} workspace */
async function open(workspace) {
  const folder = await findFolder(workspace);
  if (!folder) return null;
  const [root, named] = [workspace.uri.fsPath, settingsOf(workspace).get("command", "")];
  const programs = named ? [path.resolve(root, named)] : places.commandPlaces(root, process.env.PATH, process.platform);
  const command = programs.find((file) => existsSync(file));
  if (command) return new Mails(workspace, folder, command);
  explain(
    named
      ? `There is no program ${named}, which the setting keyturn.command names.`
      : "There is no command keyturn. Install it with pip install 'keyturn[lsp,studio]', or set keyturn.command.",
    { "Open settings": () => openSetting("command"), "Try again": restart },
  );
  return null;
}

/** Return what runs for a file, and start it first; null if it is in no folder of mails. @param {vscode.Uri} uri */
async function mailsOf(uri) {
  const workspace = uri.scheme === "file" && vscode.workspace.getWorkspaceFolder(uri);
  if (!workspace) return null;
  const key = workspace.uri.toString();
  if (!opened.has(key)) opened.set(key, open(workspace));
  const mails = await opened.get(key);
  return mails?.holds(uri) ? mails : null;
}

/** The panel beside the editor. `page`: what it shows. `wanted`: the file that was edited last. */
class Preview {
  panel = /** @type {vscode.WebviewPanel | null} */ (null);
  page = "";
  wanted = "";

  async open(editor = vscode.window.activeTextEditor) {
    const mails = editor && (await mailsOf(editor.document.uri));
    if (!mails) return explain("Open a mail first: a file in the folder of mails.", { "Choose the folder": () => openSetting("folder") });
    this.panel ??= this.create();
    return this.show(mails, editor.document.uri.path);
  }

  create() {
    const beside = { viewColumn: vscode.ViewColumn.Beside, preserveFocus: true };
    const options = { enableScripts: true, retainContextWhenHidden: true, localResourceRoots: [] };
    const panel = vscode.window.createWebviewPanel("keyturn.preview", "Keyturn", beside, options);
    panel.webview.html = "<p>The studio is starting.</p>";
    panel.onDidDispose(() => {
      this.panel = null;
      this.page = "";
    });
    return panel;
  }

  /** Start what the active editor needs, and show its mail if the panel is open. */
  async follow(editor = vscode.window.activeTextEditor) {
    const isTemplate = editor && places.ENDINGS.some((ending) => editor.document.fileName.endsWith(`.${ending}`));
    const mails = editor && (isTemplate || this.panel) ? await mailsOf(editor.document.uri) : null;
    await vscode.commands.executeCommand("setContext", "keyturn.isMail", Boolean(mails));
    if (mails && editor && this.panel) await this.show(mails, editor.document.uri.path);
  }

  async show(/** @type {Mails} */ mails, /** @type {string} */ file) {
    this.wanted = file;
    try {
      const address = await mails.studio();
      const answer = await fetch(`${address}/index.json`, { signal: AbortSignal.timeout(PATIENCE) });
      const page = places.pageOf(await answer.json(), file) || (this.page ? "" : "/studio");
      if (!this.panel || this.wanted !== file || !page || page === this.page) return;
      this.page = page;
      this.panel.webview.html = frameOf(await outside(address, page), path.posix.basename(file));
    } catch (error) {
      output.error(`The preview failed: ${error}`);
      if (this.panel && !this.page) this.panel.webview.html = "<p>The studio does not answer. The log of Keyturn says why.</p>";
    }
  }
}

/** Return the address by which the user's own machine reaches a page of this one. @param {string} address @param {string} page */
async function outside(address, page) {
  const root = await vscode.env.asExternalUri(vscode.Uri.parse(new URL(address).origin)); // code-server drops a path
  return root.toString(true).replace(/\/$/, "") + page;
}

function frameOf(/** @type {string} */ page, /** @type {string} */ title) {
  const escape = (/** @type {string} */ text) => text.replace(/&/g, "&amp;").replace(/"/g, "&quot;").replace(/</g, "&lt;");
  const policy = `default-src 'none'; style-src 'unsafe-inline'; frame-src ${new URL(page).origin}`;
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${escape(policy)}">
<style>html, body { margin: 0; padding: 0; height: 100%; overflow: hidden } iframe { border: 0; width: 100%; height: 100% }</style>
<iframe src="${escape(page)}" title="${escape(title)}"></iframe>
</html>`;
}

const preview = new Preview();
async function stopAll() {
  const all = [...opened.values()];
  opened.clear();
  await Promise.all(all.map(async (mails) => (await mails)?.stop()));
}

async function restart() {
  preview.page = "";
  await stopAll();
  await preview.follow();
}

async function activate(/** @type {vscode.ExtensionContext} */ context) {
  output = vscode.window.createOutputChannel("Keyturn", { log: true });
  context.subscriptions.push(
    output,
    vscode.commands.registerCommand("keyturn.openPreview", () => preview.open()),
    vscode.commands.registerCommand("keyturn.restart", restart),
    vscode.window.onDidChangeActiveTextEditor((editor) => preview.follow(editor)),
    vscode.workspace.onDidChangeWorkspaceFolders(restart),
    vscode.workspace.onDidChangeConfiguration((change) => change.affectsConfiguration("keyturn") && restart()),
  );
  await preview.follow();
}

module.exports = { activate, deactivate: stopAll };
