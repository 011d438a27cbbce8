// What the edge itself does to a session: it is restarted, given another configuration, and pointed
// at another backend.

import assert from 'node:assert/strict';

import { assertQuiet, each } from '../cases.mjs';
import { Backend, sleep, until, within } from '../harness.mjs';
import { ownReason } from '../hosts.mjs';
import { IDLE_MS, RELOAD_MS } from './edges.mjs';
import { connected, EDGE_PAIRS, losses } from './pairs.mjs';

const LIST_CHANGED = 'notifications/tools/list_changed';
const LONG = IDLE_MS + RELOAD_MS + 1000;

const countsUp = async (host, n) => assert.equal(await host.call('counter'), String(n));

async function aRestartOfTheEdgeIsNoMoreThanADelay(context, pair) {
  const [backend, host] = await connected(context, pair);
  const tools = await host.listTools();
  for (const [n, signal] of ['SIGKILL', 'SIGTERM', 'SIGKILL'].entries()) {
    const sleeping = host.callRaw('sleep', { ms: LONG });
    await until(20000, () => backend.executed('sleep').length === n + 1, 'sleep runs');
    await backend.edge.daemon.kill(signal);
    assert.equal(ownReason(await within(1000, sleeping, 'the call in flight is settled')), 'outcome-unknown');
    const queued = countsUp(host, n + 1);
    const listed = host.listTools();
    await sleep(300);
    await backend.edge.start();
    await queued;
    assert.deepEqual(await listed, tools);
  }
  assert.equal(losses(host), 3);
  assert.equal(host.count(LIST_CHANGED), 0);
  assert.equal(backend.executed('sleep').length, 3);
  assertQuiet(host);
}

async function aReloadOfTheEdgeLosesNothingThatIsInUse(context, pair) {
  const [backend, host] = await connected(context, pair);
  await host.listTools();
  const sleeping = host.call('sleep', { ms: RELOAD_MS / 2 });
  await until(20000, () => backend.executed('sleep').length === 1, 'sleep runs');
  backend.edge.reload();
  await countsUp(host, 1);
  assert.equal(await sleeping, `slept ${RELOAD_MS / 2} ms`);
  assert.equal(losses(host), 0);

  // The old process lets its connections live on for a while, then cuts them. A call of a tool that
  // only reads may be in flight at that moment.
  await until(
    RELOAD_MS + 20000,
    async () => (await host.call('echo', { text: 'x' })) && losses(host) === 1,
    'the old process cuts the link',
  );
  for (let n = 2; n < 7; ++n) await countsUp(host, n);
  assert.equal(losses(host), 1);
  assert.equal(backend.executed('counter').length, 6);
  assertQuiet(host);
}

async function anotherBackendTakesOverWhileTheFirstIsInUse(context, pair) {
  const [blue, host] = await connected(context, pair);
  const green = new Backend(context, [...blue.options, '--extra-tool', 'green']);
  await green.start();
  const tools = await host.listTools();
  if (pair.era === 'modern') await host.subscribe('demo://one');
  const finishing = host.call('sleep', { ms: RELOAD_MS / 2 });
  const interrupted = host.callRaw('sleep', { ms: LONG });
  await until(20000, () => blue.executed('sleep').length === 2, 'both run');
  blue.edge.reload([green.port]);

  assert.equal(await finishing, `slept ${RELOAD_MS / 2} ms`);
  assert.equal(ownReason(await within(RELOAD_MS + 15000, interrupted, 'blue is left')), 'outcome-unknown');
  await host.notified(LIST_CHANGED);
  assert.deepEqual((await host.listTools()).toSorted(), [...tools, 'green'].toSorted());
  assert.equal(await host.call('green', { text: 'on green' }), 'on green');
  await blue.kill();
  assert.equal(await host.call('touch_resource', { uri: 'demo://one' }), pair.era === 'modern' ? 'sent 1' : 'sent 0');
  assert.equal(losses(host), 1);
  assert.equal(host.count(LIST_CHANGED), 1);
  assert.equal(green.executed('sleep').length, 0);
  assertQuiet(host);
}

export default [
  ...each(EDGE_PAIRS, aRestartOfTheEdgeIsNoMoreThanADelay),
  ...each(EDGE_PAIRS, aReloadOfTheEdgeLosesNothingThatIsInUse),
  ...each(EDGE_PAIRS, anotherBackendTakesOverWhileTheFirstIsInUse),
];
