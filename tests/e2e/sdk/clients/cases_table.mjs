// The table "Tested with" in the project's README names the versions that are installed here.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';

import { single } from '../cases.mjs';

const read = (path) => readFileSync(new URL(path, import.meta.url), 'utf8');

async function theReadmeNamesTheVersionsThatAreTested() {
  const { dependencies, optionalDependencies } = JSON.parse(read('../package.json'));
  const { zod: _, ...tested } = dependencies;
  tested.opencode = optionalDependencies['opencode-linux-x64-baseline'];
  const rows = read('../../../../README.md').split('\n').filter((line) => line.startsWith('| '));
  const missing = Object.entries(tested).filter(([name, version]) => {
    // The whole name, as code, and the whole version.
    const named = new RegExp(`\`${name}[\` ].*[ ,|]${version.replaceAll('.', '\\.')}[ ,|]`);
    return !rows.some((row) => named.test(row));
  });
  assert.deepEqual(missing, []);
}

export default single(theReadmeNamesTheVersionsThatAreTested);
