// The contract as one HTML page that needs no network, with AsyncAPI's own component: node build.mjs asyncapi.json page.html
import { readFileSync, writeFileSync } from 'node:fs';

const [document, page] = process.argv.slice(2);
const component = new URL('node_modules/@asyncapi/react-component/', import.meta.url);
const code = readFileSync(new URL('browser/standalone/index.js', component), 'utf8');
const style = readFileSync(new URL('styles/default.min.css', component), 'utf8');
const schema = JSON.parse(readFileSync(document, 'utf8'));
const inScript = (text) => text.replaceAll('</script', '<\\/script').replaceAll('<!--', '<\\!--');

writeFileSync(page, `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${schema.info.title} ${schema.info.version}: the bus contract</title>
<style>${style}</style>
<div id="contract"></div>
<script>${inScript(code)}</script>
<script>
  AsyncApiStandalone.render(
    { schema: ${inScript(JSON.stringify(schema))}, config: { show: { sidebar: true, errors: true } } },
    document.getElementById('contract'),
  );
</script>
</html>
`);
