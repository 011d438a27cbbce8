// How cases are named and what they all assert.

import assert from 'node:assert/strict';

/** `aClientListsTools` becomes `a client lists tools`. */
const sentence = (name) => name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);

/** A case of a function's own. */
export const single = (run) => [{ title: sentence(run.name), run }];

/** One case for each of the pairs of a host and a backend. */
export const each = (pairs, run) =>
  pairs.map((pair) => ({
    title: `${sentence(run.name)} (${pair.title})`,
    run: (context) => run(context, pair),
  }));

/** The SDK has met nothing that it had not expected: no unknown answer, no unknown progress. */
export function assertQuiet(host) {
  assert.deepEqual(host.errors.map((error) => error.message), []);
}
