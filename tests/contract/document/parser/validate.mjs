// Reads AsyncAPI documents with AsyncAPI's own parser: one JSON line each, with what it found wrong.
import { readFileSync } from 'node:fs';
import { Parser } from '@asyncapi/parser';

for (const file of process.argv.slice(2)) {
  const { document, diagnostics } = await new Parser().parse(readFileSync(file, 'utf8'), { source: file });
  const found = diagnostics.map(({ severity, code, message, path }) => ({ severity, code, message, path: path.join('.') }));
  console.log(JSON.stringify({ file, valid: document !== undefined, found }));
}
