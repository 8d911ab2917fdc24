// Standard input: a JSON list of manifests. Standard output: a JSON list, for each what
// kubernetes-models' schemas have against it, or null. In a directory with its node_modules.
import {text} from 'node:stream/consumers';

async function modelOf(document, specifier) {
  const model = await import(specifier);
  return new model[document.kind](document);
}

const results = [];
for (const {document, specifier} of JSON.parse(await text(process.stdin))) {
  try {
    (await modelOf(document, specifier)).validate();
    results.push(null);
  } catch (error) {
    results.push(String(error.message));
  }
}
process.stdout.write(JSON.stringify(results));
