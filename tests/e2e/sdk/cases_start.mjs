// Starting before the backend, with and without a cache, and how probing clients get through.

import assert from 'node:assert/strict';

import { assertQuiet, each, single } from './cases.mjs';
import { Backend, sleep, timed, within } from './harness.mjs';
import { FAST, Host, ownReason, PAIRS } from './hosts.mjs';

const LIST_CHANGED = 'notifications/tools/list_changed';
const NAME = ['--server-name', 'the-real-one'];
const HASTE = [...FAST, '--init-grace', '300ms', '--init-timeout', '1s'];

// Without a cache nobody knows of the modern era yet: such a client falls back to `initialize`.
const LEGACY_ABLE = PAIRS.filter((pair) => pair.backend !== 'modern');
const AUTO_MODERN = PAIRS.find((pair) => pair.mode === 'auto' && pair.backend === 'modern');
const PINNED = PAIRS.find((pair) => pair.mode?.pin);

const newBackend = (context, pair) => new Backend(context, ['--era', pair.backend, ...NAME]);

async function startsBefore(context, pair, args, patience) {
  const asLegacy = { ...pair, era: 'legacy' };
  const backend = await newBackend(context, pair).reserve();
  const host = new Host(context, asLegacy, backend.url, { args });
  const [, ms] = await timed(() => host.connect(patience));
  assert.equal(host.serverName, 'mcp-ws-shim');
  assert.match(host.client.getInstructions(), /backend/);
  assert.deepEqual(await host.listTools(), []);
  const early = host.call('echo', { text: 'asked early' }, 20000);
  await sleep(300);
  assert.equal(host.count(LIST_CHANGED), 0);

  await backend.start();
  assert.equal(await early, 'asked early');
  await host.notified(LIST_CHANGED, 1, 20000);
  assert.ok((await host.listTools()).includes('echo'));
  assert.equal(await host.call('echo', { text: 'later' }), 'later');
  await sleep(300);
  assert.equal(host.count(LIST_CHANGED), 1);
  assertQuiet(host);
  return ms;
}

async function aClientThatStartsBeforeTheBackendConnectsAndIsToldWhenItComes(context, pair) {
  const ms = await startsBefore(context, pair, HASTE, 5000);
  assert.ok(ms < 3000, `connected after ${ms} ms`);
}

async function itDoesSoWithDefaultTimingToo(context, pair) {
  const ms = await startsBefore(context, pair, [], 25000);
  const earliest = pair.sdk === 1 ? 15000 : 17500;  // the probe's grace comes on top
  assert.ok(ms > earliest - 300 && ms < earliest + 2500, `connected after ${ms} ms`);
}

async function aShortInitTimeoutHoldsWhateverTheGrace(context) {
  const backend = await newBackend(context, PAIRS[0]).reserve();
  const host = new Host(context, PAIRS[0], backend.url, { args: ['--init-timeout', '500ms'] });
  const [, ms] = await timed(() => host.connect());
  assert.ok(ms < 1500, `connected after ${ms} ms`);
  assert.equal(host.serverName, 'mcp-ws-shim');
}

async function aProbingClientBeforeAModernBackendConnectsAndItsCallsFailReadably(context) {
  const backend = await newBackend(context, AUTO_MODERN).reserve();
  const host = new Host(context, { ...AUTO_MODERN, era: 'legacy' }, backend.url, { args: HASTE });
  await host.connect(5000);
  assert.deepEqual(await host.listTools(), []);
  await backend.start();
  // This backend can serve the session never, and a restart of the host mends it: that is to be said.
  const result = await within(8000, host.callRaw('echo', { text: 'x' }), 'the call is settled');
  assert.equal(ownReason(result), 'session-incompatible');
  await host.close();

  const again = new Host(context, AUTO_MODERN, backend.url);
  await again.connect();
  assert.equal(again.serverName, 'the-real-one');
  assert.equal(await again.call('echo', { text: 'modern' }), 'modern');
  assertQuiet(again);
}

async function aPinnedClientWithNeitherBackendNorCacheIsToldSoInTime(context) {
  const backend = await newBackend(context, PINNED).reserve();
  const host = new Host(context, PINNED, backend.url);
  const [, ms] = await timed(() => assert.rejects(host.connect(10000), /pinned protocol version/));
  assert.ok(ms < 5000, `told after ${ms} ms`);

  await backend.start();
  const again = new Host(context, PINNED, backend.url);
  await again.connect();
  assert.equal(await again.call('echo', { text: 'pinned' }), 'pinned');
}

/** Leaves a cache behind, and an address at which nobody listens. */
async function fillCache(context, pair) {
  const backend = newBackend(context, pair);
  await backend.start();
  const host = new Host(context, pair, backend.url);
  await host.connect();
  const tools = await host.listTools();
  assert.ok(tools.includes('echo'));
  assertQuiet(host);
  await host.close();
  await backend.kill();
  return [backend, tools];
}

async function aClientWithACacheGetsTheRealServerAndItsToolsWithoutTheBackend(context, pair) {
  const [backend, tools] = await fillCache(context, pair);
  const host = new Host(context, pair, backend.url, { args: [] });
  const [, connectMs] = await timed(() => host.connect());
  // A probe that finds nothing modern waits for its own grace first.
  const limit = pair.sdk === 2 && pair.era === 'legacy' ? 8000 : 5500;
  assert.ok(connectMs < limit, `connected after ${connectMs} ms`);
  assert.equal(host.serverName, 'the-real-one');
  const [cached, listMs] = await timed(() => host.listTools());
  assert.deepEqual(cached, tools);
  assert.ok(listMs < 5500, `listed after ${listMs} ms`);

  const early = host.call('echo', { text: 'asked early' }, 20000);
  early.catch(() => {});
  if (pair.era === 'modern') early.listening = host.subscribe('demo://one');
  await sleep(200);
  await backend.start();
  assert.equal(await early, 'asked early');
  await early.listening;
  await sleep(500);
  assert.equal(host.count(LIST_CHANGED), 0, 'the tools are the same');
  assertQuiet(host);
}

async function aClientWithACacheIsToldOnceWhenTheBackendComesWithOtherTools(context, pair) {
  const [backend, tools] = await fillCache(context, pair);
  const host = new Host(context, pair, backend.url, { args: [...FAST, '--init-grace', '300ms'] });
  await host.connect();
  assert.deepEqual(await host.listTools(), tools);
  const listening = pair.era === 'modern' ? host.subscribe('demo://one') : undefined;
  await sleep(200);
  await backend.start('--extra-tool', 'new');
  await listening;
  await host.notified(LIST_CHANGED);
  assert.deepEqual(await host.listTools(), [...tools, 'new']);
  await sleep(500);
  assert.equal(host.count(LIST_CHANGED), 1);
  assertQuiet(host);
}

async function aClientWithListChangedHandlersConnectsFromTheCacheInTimeAndHearsChanges(context, pair) {
  const [backend, tools] = await fillCache(context, pair);
  const seen = [];
  const onChanged = (error, items) => seen.push(error ?? items.map((tool) => tool.name));
  const host = new Host(context, pair, backend.url, {
    args: [...FAST, '--init-grace', '300ms'],
    listChanged: { tools: { onChanged } },
  });
  await host.connect(8000);
  assert.deepEqual(await host.listTools(), tools);
  await backend.start('--extra-tool', 'new');
  await host.notified(LIST_CHANGED);
  await sleep(1000);  // the SDK refetches 300 ms after the last notification
  assert.deepEqual(seen, [[...tools, 'new']]);
  if (pair.era === 'modern') {
    assert.equal(host.count('notifications/subscriptions/acknowledged'), 1);
    assert.equal(backend.received('subscriptions/listen').length, 1);
    await host.call('set_tools', { add: ['live'] });
    await host.notified(LIST_CHANGED, 2);
  }
  assertQuiet(host);
}

async function aProbingClientConnectsQuicklyToABackendThatIsThere(context, pair) {
  const backend = newBackend(context, pair);
  await backend.start();
  const host = new Host(context, pair, backend.url, { args: [] });
  const [, ms] = await timed(() => host.connect());
  assert.ok(ms < 3000, `connected after ${ms} ms`);
  assert.equal(host.client.getProtocolEra(), pair.era);
  assert.equal(host.serverName, 'the-real-one');
  assert.ok((await host.listTools()).includes('echo'));
  assertQuiet(host);
}

async function copiesStartedTogetherDoNoHarm(context, pair) {
  const [backend, tools] = await fillCache(context, pair);
  const offline = [1, 2].map(() => new Host(context, pair, backend.url, { args: [...FAST, '--init-grace', '300ms'] }));
  await Promise.all(offline.map((host) => host.connect()));
  for (const host of offline) assert.deepEqual(await host.listTools(), tools);
  await backend.start();
  const online = [1, 2].map(() => new Host(context, pair, backend.url));
  await Promise.all(online.map((host) => host.connect()));
  for (const [n, host] of [...offline, ...online].entries()) {
    assert.deepEqual(await host.listTools(), tools);
    assert.equal(await host.call('echo', { text: `copy ${n}` }), `copy ${n}`);
    assertQuiet(host);
  }
  // What they wrote into the cache together is whole.
  await Promise.all([...offline, ...online].map((host) => host.close()));
  await backend.kill();
  const last = new Host(context, pair, backend.url, { args: [...FAST, '--init-grace', '300ms'] });
  await last.connect();
  assert.deepEqual(await last.listTools(), tools);
  assert.doesNotMatch(last.log, /corrupt/);
}

export default [
  ...each(LEGACY_ABLE, aClientThatStartsBeforeTheBackendConnectsAndIsToldWhenItComes),
  ...each(LEGACY_ABLE.slice(0, 2), itDoesSoWithDefaultTimingToo),
  ...single(aShortInitTimeoutHoldsWhateverTheGrace),
  ...single(aProbingClientBeforeAModernBackendConnectsAndItsCallsFailReadably),
  ...single(aPinnedClientWithNeitherBackendNorCacheIsToldSoInTime),
  ...each(PAIRS, aClientWithACacheGetsTheRealServerAndItsToolsWithoutTheBackend),
  ...each(PAIRS, aClientWithACacheIsToldOnceWhenTheBackendComesWithOtherTools),
  ...each(PAIRS, aClientWithListChangedHandlersConnectsFromTheCacheInTimeAndHearsChanges),
  ...each(PAIRS.filter((pair) => pair.sdk === 2), aProbingClientConnectsQuicklyToABackendThatIsThere),
  ...each(PAIRS, copiesStartedTogetherDoNoHarm),
];
