// Runs all cases of a folder, or those whose title holds every word given:
// node.sh run.mjs [--in FOLDER] [WORD...]
// JOBS cases at once (4; most of their time is waiting). Each has its own processes, ports and directory.

import { readdirSync } from 'node:fs';
import { parseArgs } from 'node:util';

import { Context, within } from './harness.mjs';

const CASE_MS = 120_000;

const { values, positionals: words } = parseArgs({
  allowPositionals: true,
  options: { in: { type: 'string', default: '.' } },
});
const folder = new URL(`${values.in}/`, import.meta.url);
const cases = [];
for (const name of readdirSync(folder).sort()) {
  if (!name.startsWith('cases_')) continue;
  const module = await import(new URL(name, folder));
  for (const one of module.default) {
    if (words.every((word) => one.title.includes(word))) cases.push(one);
  }
}

const stray = [];
process.on('unhandledRejection', (error) => stray.push(error));

const indent = (text) => text.replace(/^/gm, '    ');
let passed = 0;
let failed = 0;

async function runCase({ title, run, missing }) {
  if (missing) {
    console.log(`SKIPPED  ${title}\n    SKIPPED: ${missing}`);
    return;
  }
  const context = new Context();
  const start = performance.now();
  let failure;
  try {
    await within(CASE_MS, run(context), 'the case is over');
  } catch (error) {
    failure = error;
  }
  const report = failure && context.reports.map((give) => give()).join('\n');
  try {
    await context.dispose();
  } catch (error) {
    failure ??= error;
  }
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  console.log(`${failure ? 'FAILED' : 'ok'}  ${seconds} s  ${title}`);
  if (failure) {
    console.log(indent(`${failure.stack ?? failure}\n${report ?? ''}`));
    ++failed;
  } else {
    ++passed;
  }
}

async function work() {
  for (let next = cases.shift(); next; next = cases.shift()) await runCase(next);
}

await Promise.all(Array.from({ length: Math.max(1, Number(process.env.JOBS ?? 4)) }, work));
// What a failed case was still waiting for says nothing new.
for (const error of failed === 0 ? stray : []) {
  console.log(`FAILED  a promise was rejected that nobody waited for\n${indent(String(error?.stack ?? error))}`);
  ++failed;
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 && passed > 0 ? 0 : 1);
