// Compiles a JSON array of MJML documents on standard input to one of HTML.
import { readFileSync } from "node:fs";
import mjml2html from "mjml";

const documents = JSON.parse(readFileSync(0, "utf8"));
process.stdout.write(JSON.stringify(documents.map((mjml) => mjml2html(mjml, { validationLevel: "skip" }).html)));
