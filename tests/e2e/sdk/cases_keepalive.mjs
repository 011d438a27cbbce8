// A host that gives up on a call about which it hears nothing for 5 s, and a call of 20 s through a
// backend that reports nothing.

import assert from 'node:assert/strict';

import { assertQuiet, each } from './cases.mjs';
import { Backend, sleep, timed, within } from './harness.mjs';
import { FAST, Host, PAIRS } from './hosts.mjs';

const PATIENCE_MS = 5000;
const CALL_MS = 20_000; // no multiple of INTERVAL: the SDKs look at progress a tick later than at an answer
const INTERVAL = '1700ms';
// Real time: once per generation of the SDK, and once for the modern era.
const THREE = PAIRS.filter((pair) => pair.title !== '2.x pinned, modern backend' && pair.backend !== 'dual');

async function connected(context, pair, args) {
  const backend = new Backend(context, ['--era', pair.backend]);
  await backend.start();
  const host = new Host(context, pair, backend.url, { args: [...FAST, ...args] });
  await host.connect();
  return [backend, host];
}

/** As hosts call that show progress: each notification gives the call its whole time again. */
function impatientCall(host, seen) {
  return host.callRaw('sleep', { ms: CALL_MS }, {
    timeout: PATIENCE_MS,
    resetTimeoutOnProgress: true,
    onprogress: (progress) => seen.push(progress),
  });
}

async function withKeepaliveAnImpatientHostWaitsForASilentCall(context, pair) {
  const [backend, host] = await connected(context, pair, ['--keepalive-interval', INTERVAL]);
  const seen = [];
  const [result, ms] = await timed(() => within(CALL_MS + 10_000, impatientCall(host, seen), 'the answer'));
  assert.equal(result.content[0].text, `slept ${CALL_MS} ms`);
  assert.ok(ms >= CALL_MS, `after ${ms} ms`);
  assert.ok(seen.length >= 5, `${seen.length} notifications`);
  for (let n = 1; n < seen.length; ++n) assert.ok(seen[n].progress > seen[n - 1].progress);
  for (const { message } of seen) assert.match(message, /^still running, \d+ s/);
  assert.equal(backend.executed('sleep').length, 1);
  await sleep(100);
  assertQuiet(host);
}

async function withKeepaliveAnImpatientHostWaitsForAStoppedBackend(context, pair) {
  const [backend, host] = await connected(context, pair, [
    '--keepalive-interval', INTERVAL, '--ping-interval', '1s', '--pong-timeout', '1s']);
  const seen = [];
  const call = impatientCall(host, seen);
  await sleep(1000);
  backend.signal('SIGSTOP');
  await sleep(8000);
  backend.signal('SIGCONT');
  const result = await within(CALL_MS, call, 'the answer');
  assert.equal(result.content[0].text, `slept ${CALL_MS} ms`);
  assert.ok(seen.some(({ message }) => /backend silent for/.test(message)));
  assert.equal(backend.executed('sleep').length, 1);
  assertQuiet(host);
}

async function withoutKeepaliveAnImpatientHostGivesUp(context, pair) {
  const [, host] = await connected(context, pair, ['--keepalive', 'off']);
  const seen = [];
  const [, ms] = await timed(() =>
    within(CALL_MS, assert.rejects(impatientCall(host, seen), /timed? ?out/i), 'the call is given up'));
  assert.ok(ms >= PATIENCE_MS - 100 && ms < CALL_MS, `after ${ms} ms`);
  assert.equal(seen.length, 0);
}

export default [
  ...each(THREE, withKeepaliveAnImpatientHostWaitsForASilentCall),
  ...each(THREE.slice(0, 1), withKeepaliveAnImpatientHostWaitsForAStoppedBackend),
  ...each(THREE, withoutKeepaliveAnImpatientHostGivesUp),
];
