// Starts the language server of Cronicle, and sees to it that the files of its projects are known to be Cronicle's.
//
// `.hcl` belongs to other programs, too. A file is taken for Cronicle's if a `cronicle.hcl` lies in its folder or in one
// above it, as the program itself finds a project; all others are left to whatever else knows HCL.

"use strict";

const vscode = require("vscode");
const { LanguageClient } = require("vscode-languageclient/node");

const LANGUAGE = "cronicle";
const MARK = "cronicle.hcl";

/** @type {LanguageClient | undefined} */
let client;

async function activate(context) {
  context.subscriptions.push(
    vscode.commands.registerCommand("cronicle.restart", restart),
    vscode.workspace.onDidOpenTextDocument(adopt),
    vscode.workspace.onDidChangeConfiguration((change) => {
      if (change.affectsConfiguration("cronicle.command")) {
        return restart();
      }
    }),
  );
  await Promise.all(vscode.workspace.textDocuments.map(adopt));
  await start();
}

async function deactivate() {
  const stopping = client;
  client = undefined;
  await stopping?.dispose();
}

async function restart() {
  await deactivate();
  await start();
}

async function start() {
  const [command, ...args] = vscode.workspace.getConfiguration("cronicle").get("command", ["cronicle", "lsp"]);
  const started = new LanguageClient(
    LANGUAGE,
    "Cronicle",
    { command, args },
    { documentSelector: [{ language: LANGUAGE, scheme: "file" }, { language: LANGUAGE, scheme: "untitled" }] },
  );
  client = started;
  try {
    await started.start();
  } catch (error) {
    if (client !== started) {
      return; // it was stopped while it was starting
    }
    client = undefined;
    const answer = await vscode.window.showErrorMessage(
      `The language server of Cronicle does not start (${[command, ...args].join(" ")}): ${error.message ?? error}. ` +
        "Install it with: pip install 'cronicle[lsp]'. If it is not on the PATH, name it in the setting cronicle.command.",
      "Open the setting",
    );
    if (answer !== undefined) {
      await vscode.commands.executeCommand("workbench.action.openSettings", "cronicle.command");
    }
  }
}

/** Take an HCL file for Cronicle's if it lies in one of its projects. */
async function adopt(document) {
  const { uri, languageId } = document;
  if (languageId === LANGUAGE || uri.scheme !== "file" || !uri.path.endsWith(".hcl")) {
    return;
  }
  if (await isInProject(uri)) {
    await vscode.languages.setTextDocumentLanguage(document, LANGUAGE);
  }
}

async function isInProject(uri) {
  for (let folder = vscode.Uri.joinPath(uri, ".."); ; folder = vscode.Uri.joinPath(folder, "..")) {
    if (await exists(vscode.Uri.joinPath(folder, MARK))) {
      return true;
    }
    const isRoot = vscode.Uri.joinPath(folder, "..").path === folder.path;
    if (isRoot || (await exists(vscode.Uri.joinPath(folder, ".git")))) {
      return false;
    }
  }
}

async function exists(uri) {
  try {
    await vscode.workspace.fs.stat(uri);
    return true;
  } catch {
    return false;
  }
}

module.exports = { activate, deactivate };
