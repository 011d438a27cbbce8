// How cases are named and what they all assert.

import assert from 'node:assert/strict';

/** `aClientListsTools` becomes `a client lists tools`. */
const sentence = (name) => name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);

/** A case of a function's own. */
export const single = (run) => [{ title: sentence(run.name), run }];

/** One case for each of the pairs of a host and a backend. `missing` says why one cannot run here. */
export const each = (pairs, run) =>
  pairs.map((pair) => ({
    title: `${sentence(run.name)} (${pair.title})`,
    missing: pair.missing,
    run: (context) => run(context, pair),
  }));

/** The SDK has met nothing that it had not expected: no unknown answer, no unknown progress. */
export function assertQuiet(host) {
  assert.deepEqual(host.errors.map((error) => error.message), []);
}

/**
 * The SDKs look at a notification a tick later than at an answer: the last progress before it, or
 * what was under way at an abort, finds the token forgotten.
 */
export function assertQuietButForProgress(host) {
  host.errors = host.errors.filter((error) => !error.message.includes('progress notification for an unknown token'));
  assertQuiet(host);
}

/** assert.rejects() of something to be waited for later. */
export function willReject(promise) {
  const rejected = assert.rejects(promise);
  rejected.catch(() => {});
  return rejected;
}
