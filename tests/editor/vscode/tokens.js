// Reads files by a grammar as VS Code does, with vscode-textmate; prints for each its tokens: [line, start, end, scopes].
//
//     node tokens.js FOLDER-OF-MODULES GRAMMAR FILE...

"use strict";

const fs = require("node:fs");

const { createRequire } = require("node:module");

async function main([modules, grammar, ...files]) {
  const load = createRequire(`${modules}/`);
  const oniguruma = load("vscode-oniguruma");
  const textmate = load("vscode-textmate");
  await oniguruma.loadWASM(fs.readFileSync(load.resolve("vscode-oniguruma/release/onig.wasm")));
  const registry = new textmate.Registry({
    onigLib: Promise.resolve({
      createOnigScanner: (patterns) => new oniguruma.OnigScanner(patterns),
      createOnigString: (text) => new oniguruma.OnigString(text),
    }),
    loadGrammar: async () => textmate.parseRawGrammar(fs.readFileSync(grammar, "utf8"), grammar),
  });
  const read = await registry.loadGrammar(JSON.parse(fs.readFileSync(grammar, "utf8")).scopeName);
  const found = {};
  for (const file of files) {
    let stack = textmate.INITIAL;
    found[file] = fs.readFileSync(file, "utf8").split(/\r?\n/).flatMap((line, number) => {
      const { tokens, ruleStack } = read.tokenizeLine(line, stack);
      stack = ruleStack;
      return tokens.map((one) => [number, one.startIndex, Math.min(one.endIndex, line.length), one.scopes]);
    });
  }
  console.log(JSON.stringify(found));
}

main(process.argv.slice(2));
