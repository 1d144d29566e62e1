const fs = require("fs");
const ts = require("typescript");

for (const fileName of process.argv.slice(2)) {
  const options = { fileName, reportDiagnostics: true, compilerOptions: { jsx: "preserve", allowJs: true } };
  const { diagnostics } = ts.transpileModule(fs.readFileSync(fileName, "utf8"), options);
  for (const one of diagnostics) console.log(fileName, one.messageText);
}
