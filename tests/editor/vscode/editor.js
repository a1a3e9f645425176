// As much of VS Code as its client of language servers and our extension need, without a window: `require("vscode")` gives
// it. What nothing here depends on is there, too, and does nothing.

"use strict";

const fs = require("node:fs");
const path = require("node:path");

class Disposable {
  constructor(end = () => {}) {
    this.dispose = end;
  }
}

class EventEmitter {
  constructor() {
    this.listeners = new Set();
    this.event = (listener, self) => {
      const bound = self === undefined ? listener : listener.bind(self);
      this.listeners.add(bound);
      return new Disposable(() => this.listeners.delete(bound));
    };
  }
  fire(value) {
    for (const listener of [...this.listeners]) listener(value);
  }
  dispose() {
    this.listeners.clear();
  }
}

class Uri {
  constructor(scheme, path_) {
    Object.assign(this, { scheme, authority: "", path: path_, query: "", fragment: "", fsPath: path_ });
  }
  static parse(text) {
    const [, scheme, rest] = /^([a-z]+):(?:\/\/)?(.*)$/.exec(text);
    return new Uri(scheme, decodeURIComponent(rest));
  }
  static file(path_) {
    return new Uri("file", path_);
  }
  static joinPath(uri, ...parts) {
    return new Uri(uri.scheme, path.posix.join(uri.path, ...parts));
  }
  toString() {
    return `${this.scheme}:${this.scheme === "file" ? "//" : ""}${this.path.split("/").map(encodeURIComponent).join("/")}`;
  }
}

class Position {
  constructor(line, character) {
    Object.assign(this, { line, character });
  }
}

class Range {
  constructor(start, end, endLine, endCharacter) {
    this.start = endLine === undefined ? start : new Position(start, end);
    this.end = endLine === undefined ? end : new Position(endLine, endCharacter);
  }
}

class TextEdit {
  constructor(range, newText) {
    Object.assign(this, { range, newText });
  }
  static replace(range, newText) {
    return new TextEdit(range, newText);
  }
  static insert(at, newText) {
    return new TextEdit(new Range(at, at), newText);
  }
  static delete(range) {
    return new TextEdit(range, "");
  }
}

class WorkspaceEdit {
  constructor() {
    this.changes = [];
  }
  set(uri, edits) {
    this.changes.push([uri, edits]);
  }
  replace(uri, range, newText) {
    this.changes.push([uri, [new TextEdit(range, newText)]]);
  }
}

class Fields {
  constructor(...values) {
    this.values = values;
  }
}

class CompletionItem {
  constructor(label, kind) {
    Object.assign(this, { label, kind });
  }
}

class CompletionList {
  constructor(items, isIncomplete) {
    Object.assign(this, { items, isIncomplete });
  }
}

class Diagnostic {
  constructor(range, message, severity) {
    Object.assign(this, { range, message, severity });
  }
}

class SnippetString {
  constructor(value) {
    this.value = value;
  }
}

class MarkdownString {
  constructor(value = "") {
    this.value = value;
  }
  appendMarkdown(text) {
    this.value += text;
    return this;
  }
  appendCodeblock(text) {
    return this.appendMarkdown(text);
  }
}

class CancellationTokenSource {
  constructor() {
    this.token = { isCancellationRequested: false, onCancellationRequested: new EventEmitter().event };
  }
  cancel() {}
  dispose() {}
}

class Document {
  constructor(uri, languageId, text) {
    Object.assign(this, { uri, languageId, text, version: 1, isClosed: false, isDirty: false, fileName: uri.fsPath });
  }
  getText() {
    return this.text;
  }
}

/** An object of which every further member is there, too: an event, a class, or a function that does nothing. */
function all(members) {
  return new Proxy(members, {
    get(target, name) {
      if (!(name in target) && typeof name === "string") {
        if (/^onDid|^onWill/.test(name)) target[name] = new EventEmitter().event;
        else if (/^[A-Z]/.test(name)) target[name] = class extends Fields {};
        else target[name] = () => new Disposable();
      }
      return target[name];
    },
    has: () => true,
  });
}

function numbered(...names) {
  return Object.fromEntries(names.flatMap((name, number) => [[name, number], [number, name]]));
}

/** The module, with what a test needs to be the user: documents, providers, and what was told. */
function makeEditor(configuration) {
  const opened = new EventEmitter();
  const changed = new EventEmitter();
  const closed = new EventEmitter();
  const documents = [];
  const diagnostics = new Map();
  const told = new EventEmitter();
  const providers = {};
  const commands = {};
  const messages = [];
  const registered = (kind) => (selector, provider) => {
    providers[kind] = provider;
    return new Disposable(() => delete providers[kind]);
  };
  const channel = all({ append() {}, appendLine() {}, dispose() {}, show() {} });
  const vscode = all({
    version: "1.82.0",
    Disposable, EventEmitter, Uri, Position, Range, TextEdit, WorkspaceEdit, CompletionItem, CompletionList, Diagnostic,
    SnippetString, MarkdownString, CancellationTokenSource,
    DiagnosticSeverity: numbered("Error", "Warning", "Information", "Hint"),
    CompletionItemKind: numbered("Text", "Method", "Function", "Constructor", "Field", "Variable", "Class", "Interface",
      "Module", "Property", "Unit", "Value", "Enum", "Keyword", "Snippet", "Color", "Reference", "File", "Folder",
      "EnumMember", "Constant", "Struct", "Event", "Operator", "TypeParameter"),
    CompletionTriggerKind: numbered("Invoke", "TriggerCharacter", "TriggerForIncompleteCompletions"),
    SymbolKind: numbered("File", "Module", "Namespace", "Package", "Class", "Method", "Property", "Field", "Constructor",
      "Enum", "Interface", "Function", "Variable", "Constant", "String", "Number", "Boolean", "Array", "Object", "Key",
      "Null", "EnumMember", "Struct", "Event", "Operator", "TypeParameter"),
    SymbolTag: { Deprecated: 1 }, CompletionItemTag: { Deprecated: 1 }, DiagnosticTag: { Unnecessary: 1, Deprecated: 2 },
    TextDocumentSaveReason: { Manual: 1 }, CodeActionKind: all({ Empty: { append: () => ({}) } }),
    env: all({ appName: "test", language: "en" }),
    languages: all({
      match: (selector, document) =>
        [selector].flat().some((one) => one.language === document.languageId && one.scheme === document.uri.scheme) ? 10 : 0,
      createDiagnosticCollection: () => all({
        set(uri, found) {
          diagnostics.set(uri.toString(), found ?? []);
          told.fire();
        },
        delete: (uri) => diagnostics.delete(uri.toString()),
        clear: () => diagnostics.clear(),
      }),
      async setTextDocumentLanguage(document, languageId) {
        closed.fire(document);
        document.languageId = languageId;
        opened.fire(document);
        return document;
      },
      registerCompletionItemProvider: registered("completion"),
      registerHoverProvider: registered("hover"),
      registerRenameProvider: registered("rename"),
      registerDocumentFormattingEditProvider: registered("format"),
      registerDefinitionProvider: registered("definition"),
      registerDocumentSymbolProvider: registered("symbols"),
      registerSignatureHelpProvider: registered("signature"),
    }),
    workspace: all({
      textDocuments: documents, notebookDocuments: [], workspaceFolders: [], isTrusted: true,
      onDidOpenTextDocument: opened.event, onDidChangeTextDocument: changed.event, onDidCloseTextDocument: closed.event,
      getConfiguration: (section) => ({ get: (name, otherwise) => configuration[`${section}.${name}`] ?? otherwise }),
      createFileSystemWatcher: () => all({ dispose() {} }),
      fs: { stat: (uri) => fs.promises.stat(uri.fsPath) },
    }),
    window: all({
      createOutputChannel: () => channel, visibleTextEditors: [], activeTextEditor: undefined,
      tabGroups: all({ all: [] }),
      showErrorMessage: async (message) => void messages.push(message),
    }),
    commands: all({
      registerCommand(name, work) {
        commands[name] = work;
        return new Disposable();
      },
    }),
  });
  return {
    vscode, diagnostics, providers, commands, messages,
    open(file, languageId) {
      const document = new Document(Uri.file(file), languageId, fs.readFileSync(file, "utf8"));
      documents.push(document);
      opened.fire(document);
      return document;
    },
    change(document, text) {
      document.text = text;
      document.version += 1;
      document.isDirty = true;
      changed.fire({ document, contentChanges: [{ text }], reason: undefined });
    },
    async until(condition, what) {
      const end = Date.now() + 60_000;
      while (!condition()) {
        if (Date.now() > end) throw new Error(`waited for ${what} in vain`);
        await new Promise((resolve) => {
          const once = told.event(() => (once.dispose(), resolve()));
          setTimeout(resolve, 1000);
        });
      }
    },
  };
}

module.exports = { makeEditor };
