// A first day with VS Code's own client of language servers, and our extension: open the weather example, break it, see
// what is wrong, complete an attribute, rename a task, format.
//
//     node first_day.js EXTENSION PROJECT PROGRAM...

"use strict";

const assert = require("node:assert/strict");
const fs = require("node:fs");
const Module = require("node:module");
const path = require("node:path");

const { makeEditor } = require("./editor.js");

async function main([extension, project, ...program]) {
  const manifest = JSON.parse(fs.readFileSync(path.join(extension, "package.json"), "utf8"));
  const editor = makeEditor({ "cronicle.command": [...program, "lsp"] });
  const load = Module._load;
  Module._load = (name, ...more) => (name === "vscode" ? editor.vscode : load(name, ...more));
  const { activate, deactivate } = require(path.join(extension, manifest.main));
  const context = { subscriptions: [] };
  await activate(context);
  assert.deepEqual(editor.messages, []);
  assert.deepEqual(Object.keys(editor.commands), manifest.contributes.commands.map((one) => one.command));

  const document = editor.open(path.join(project, "daily.hcl"), "hcl");
  await editor.until(() => document.languageId === "cronicle", "the language of a file in a project");
  const wrong = () => editor.diagnostics.get(document.uri.toString());
  await editor.until(() => wrong() !== undefined, "the server");
  assert.deepEqual(wrong(), []);
  const good = document.text;

  editor.change(document, good.replace("task.extract.stdout", "task.extrat.stdout"));
  await editor.until(() => wrong().length === 1, "what is wrong");
  const [{ range, message, code }] = wrong();
  assert.match(message, /^unknown task "extrat"[^]*Did you mean task.extract\?$/);
  assert.equal(code, "unknown-reference");
  const line = document.text.split("\n")[range.start.line];
  assert.equal(line.slice(range.start.character, range.end.character), "task.extrat");

  const [before, after] = good.split('task "extract" {\n');
  editor.change(document, `${before}task "extract" {\n    tim\n${after}`);
  const place = new editor.vscode.Position(before.split("\n").length, 7);
  const token = new editor.vscode.CancellationTokenSource().token;
  const proposed = await editor.providers.completion.provideCompletionItems(document, place, token, { triggerKind: 0 });
  const timeout = (proposed.items ?? proposed).find((one) => one.label === "timeout");
  assert.equal(timeout.insertText.value, 'timeout = "$0"');
  assert.match(timeout.documentation.value, /one attempt/);

  editor.change(document, good);
  await editor.until(() => wrong().length === 0, "nothing to be wrong any more");
  const name = new editor.vscode.Position(before.split("\n").length - 1, 10);
  const renamed = await editor.providers.rename.provideRenameEdits(document, name, "read", token);
  const [[uri, edits]] = renamed.changes;
  assert.equal(uri.toString(), document.uri.toString());
  editor.change(document, edited(good, edits));
  assert.ok(document.text.includes('task "read"') && document.text.includes("task.read.stdout"));
  assert.ok(!document.text.includes("task.extract"));

  const untidy = document.text.replace(/^ +task/gm, "task");
  editor.change(document, untidy);
  const tidy = await editor.providers.format.provideDocumentFormattingEdits(document, { tabSize: 2, insertSpaces: true }, token);
  editor.change(document, edited(untidy, tidy));
  fs.writeFileSync(document.fileName, document.text);

  const elsewhere = path.join(path.dirname(project), "other.hcl");
  fs.writeFileSync(elsewhere, "job {}\n");
  const foreign = editor.open(elsewhere, "hcl");
  await editor.commands["cronicle.restart"]();
  await editor.until(() => wrong()?.length === 0, "the server again");
  assert.equal(foreign.languageId, "hcl");
  await deactivate();
  assert.deepEqual(editor.messages, []);
}

function edited(text, edits) {
  const lines = text.split("\n");
  const offset = ({ line, character }) => lines.slice(0, line).join("\n").length + (line > 0) + character;
  const last = (one, other) => offset(other.range.start) - offset(one.range.start);
  for (const { range, newText } of [...edits].sort(last)) {
    text = text.slice(0, offset(range.start)) + newText + text.slice(offset(range.end));
  }
  return text;
}

main(process.argv.slice(2)).then(
  () => process.exit(0),
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
