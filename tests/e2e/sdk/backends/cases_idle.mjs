// Edges cut connections on which nothing happens; the shim's pings are what happens.

import assert from 'node:assert/strict';

import { assertQuiet, each } from '../cases.mjs';
import { sleep, until } from '../harness.mjs';
import { IDLE_MS } from './edges.mjs';
import { connected, EDGE_PAIRS, losses } from './pairs.mjs';

const LONG = IDLE_MS * 1.75;

const countsUp = async (host, n) => assert.equal(await host.call('counter'), String(n));

async function withoutPingsAnIdleLinkIsCutAndComesBack(context, pair) {
  const [, host] = await connected(context, pair, ['--ping-interval', '0']);
  await countsUp(host, 1);
  await until(IDLE_MS + 3000, () => losses(host) > 0, 'the edge cuts the idle link');
  await countsUp(host, 2);
  assertQuiet(host);
}

async function anEdgeThatStopsAnsweringIsLeftAndFoundAgain(context, pair) {
  const [backend, host] = await connected(context, pair, ['--ping-interval', '300ms', '--pong-timeout', '300ms']);
  await countsUp(host, 1);
  backend.edge.daemon.signalGroup('SIGSTOP');
  await until(3000, () => losses(host) === 1, 'its silence is noticed');
  const queued = countsUp(host, 2);
  await sleep(300);
  backend.edge.daemon.signalGroup('SIGCONT');
  await queued;
  assertQuiet(host);
}

/** The proportions of the shim's default, 15 s, to an idle timeout of 20 s. */
const PINGS = ['--ping-interval', `${IDLE_MS * 0.75}ms`];

async function pingsKeepAnIdleLinkAndASilentCall(context, pair) {
  const [backend, host] = await connected(context, pair, PINGS);
  await countsUp(host, 1);
  await sleep(LONG);
  assert.equal(await host.call('sleep', { ms: LONG }), `slept ${LONG} ms`);
  await countsUp(host, 2);
  assert.equal(losses(host), 0);
  const links = backend.journal().filter((line) => line.message?.method === 'tools/call').map((line) => line.conn);
  assert.equal(new Set(links).size, 1);
  assertQuiet(host);
}

export default [
  ...each(EDGE_PAIRS, withoutPingsAnIdleLinkIsCutAndComesBack),
  ...each(EDGE_PAIRS, anEdgeThatStopsAnsweringIsLeftAndFoundAgain),
  ...each(EDGE_PAIRS, pingsKeepAnIdleLinkAndASilentCall),
];
