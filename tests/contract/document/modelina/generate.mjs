// Generates classes for one language with Modelina, the AsyncAPI generator of models: a JSON object of name → code.
import { readFileSync } from 'node:fs';
import { GoGenerator, JavaGenerator, TypeScriptGenerator } from '@asyncapi/modelina';

const [language, file] = process.argv.slice(2);
const generators = { go: GoGenerator, java: JavaGenerator, typescript: TypeScriptGenerator };
const generator = new generators[language]();
const models = await generator.generateCompleteModels(JSON.parse(readFileSync(file, 'utf8')), { packageName: 'ferry' });
console.log(JSON.stringify(Object.fromEntries(models.map(({ modelName, result }) => [modelName, result]))));
