// node lint.js DOCUMENT: redocly's recommended rules over an OpenAPI document. Prints what it finds; exit 1 if that is
// anything, warnings too.
import { formatProblems, getTotals, lint, loadConfig } from "@redocly/openapi-core";
import path from "node:path";
import { fileURLToPath } from "node:url";

const configPath = fileURLToPath(new URL("redocly.yaml", import.meta.url));
const document = path.resolve(process.argv[2]);
const problems = await lint({ ref: document, config: await loadConfig({ configPath }) });
formatProblems(problems, { totals: getTotals(problems) });
process.exitCode = problems.length > 0 ? 1 : 0;
