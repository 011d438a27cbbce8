// What passes through while all is well, and how it ends.

import assert from 'node:assert/strict';

import { assertQuiet, assertQuietButForProgress, each, willReject } from './cases.mjs';
import { Backend, isAlive, sleep, timed, until, within } from './harness.mjs';
import { FAST, Host, PAIRS } from './hosts.mjs';

const LEGACY = PAIRS.filter((pair) => pair.era === 'legacy');
const MODERN = PAIRS.filter((pair) => pair.era === 'modern');

async function connected(context, pair, options = {}) {
  const backend = new Backend(context, ['--era', pair.backend]);
  await backend.start();
  const host = new Host(context, pair, backend.url, options);
  await host.connect();
  return [backend, host];
}

/** Closes the client and asserts how its shim ended, and how soon. */
async function assertEnds(host, limit) {
  const [, ms] = await timed(() => host.close());
  const { code, signal } = await within(1000, host.exited, 'the shim has ended');
  assert.deepEqual({ code, signal }, { code: 0, signal: null });
  assert.ok(ms < limit, `ended after ${ms} ms`);
  assert.ok(!isAlive(host.pid));
}

async function aClosedClientLeavesNoShimBehind(context, pair) {
  const [, host] = await connected(context, pair);
  await host.listTools();
  if (pair.era === 'modern') await host.subscribe('demo://one');
  await assertEnds(host, 1000);
  assertQuiet(host);
}

async function aClosedClientLeavesNoShimBehindWhileTheBackendIsAway(context, pair) {
  const [backend, host] = await connected(context, pair);
  await backend.kill();
  await sleep(200);
  await assertEnds(host, 1000);
}

async function aClosedClientLeavesNoShimBehindWhileCallsArePending(context, pair) {
  const [backend, host] = await connected(context, pair);
  const calls = [host.callRaw('sleep', { ms: 60000 })];
  await until(5000, () => backend.executed('sleep').length === 1, 'sleep runs');
  const settled = Promise.allSettled(calls);
  await assertEnds(host, 5000);  // they may still be answered for --drain-timeout, 2 s
  await within(1000, settled, 'the SDK has given the call up');
}

async function aClosedClientLeavesNoShimBehindWhileCallsAreQueued(context, pair) {
  const [backend, host] = await connected(context, pair);
  await backend.kill();
  const settled = Promise.allSettled([host.callRaw('echo', { text: 'x' })]);
  await sleep(100);
  await assertEnds(host, 5000);
  await within(1000, settled, 'the SDK has given the call up');
}

async function progressReachesTheCallThatAskedForIt(context, pair) {
  const [backend, host] = await connected(context, pair);
  const seen = [[], []];
  const call = (n, ms) =>
    host.callRaw('sleep', { ms, progress_every_ms: 100 }, { onprogress: (progress) => seen[n].push(progress) });
  const results = await within(5000, Promise.all([call(0, 500), call(1, 300)]), 'both sleeps');
  assert.deepEqual(results.map((result) => result.content[0].text), ['slept 500 ms', 'slept 300 ms']);
  assert.deepEqual(seen[0].slice(0, 4).map(({ progress, total }) => [progress, total]),
                   [[100, 500], [200, 500], [300, 500], [400, 500]]);
  assert.deepEqual(seen[1].slice(0, 2).map(({ progress, total }) => [progress, total]),
                   [[100, 300], [200, 300]]);
  assert.equal(backend.executed('sleep').length, 2);
  assertQuietButForProgress(host);
}

async function aCancelledCallIsCancelledAtTheBackend(context, pair) {
  const [backend, host] = await connected(context, pair);
  const abort = new AbortController();
  const options = { signal: abort.signal, onprogress: () => {} };
  const call = host.callRaw('sleep', { ms: 400, progress_every_ms: 50 }, options);
  const rejected = willReject(call);
  await until(5000, () => backend.executed('sleep').length === 1, 'sleep runs');
  abort.abort('not needed any more');
  await within(1000, rejected, 'the call is given up');
  const [cancelled] = await until(
    2000,
    () => {
      const found = backend.received('notifications/cancelled');
      return found.length > 0 && found;
    },
    'the backend is told',
  );
  assert.equal(cancelled.params.requestId, backend.executed('sleep')[0]);
  await sleep(600);  // neither an answer nor progress comes late
  const id = backend.executed('sleep')[0];
  assert.equal(host.received.filter((message) => message.id === id && !message.method).length, 0);
  assert.equal(await host.call('echo', { text: 'on it goes' }), 'on it goes');
  assertQuietButForProgress(host);
}

async function aCallCancelledWhileItIsQueuedNeverReachesABackend(context, pair) {
  const [backend, host] = await connected(context, pair);
  await backend.kill();
  await sleep(100);
  const abort = new AbortController();
  const rejected = willReject(host.callRaw('counter', {}, { signal: abort.signal }));
  const other = host.call('counter');
  await sleep(100);
  abort.abort();
  await within(1000, rejected, 'the call is given up');
  await backend.start();
  assert.equal(await other, '1');
  assert.equal(backend.received('tools/call').length, 1);
  assert.equal(backend.received('notifications/cancelled').length, 0);
  assertQuiet(host);
}

async function theBackendsRequestsAreAnsweredByTheHost(context, pair) {
  const asked = [];
  const answers = {
    'sampling/createMessage': ({ params }) => {
      asked.push(params);
      return { model: 'm', role: 'assistant', content: { type: 'text', text: 'Grüße, \u{1F600}' } };
    },
  };
  const [backend, host] = await connected(context, pair, { answers });
  const ask = async (method, more = {}) => {
    const result = await within(5000, host.callRaw('ask_host', { method, ...more }), method);
    return JSON.parse(result.content[0].text);
  };
  for (let round = 0; round < 2; ++round) {
    assert.deepEqual((await ask('roots/list')).result, { roots: [{ uri: 'file:///work', name: 'work' }] });
    assert.deepEqual((await ask('sampling/createMessage')).result,
                     { model: 'm', role: 'assistant', content: { type: 'text', text: 'Grüße, \u{1F600}' } });
    assert.deepEqual((await ask('elicitation/create')).result, { action: 'accept', content: { ok: true } });
    assert.deepEqual((await ask('ping')).result, {});
    assert.equal((await ask('no/such/method')).error.code, -32601);
    // The backend's own spelling of an id comes back, also where the host has an id like it.
    for (const id of [0, 1, 'text', '7']) assert.strictEqual((await ask('roots/list', { id })).id, id);
    await backend.restart();
  }
  assert.equal(asked.length, 2);
  assert.equal(asked[0].maxTokens, 10);
  assertQuiet(host);
}

async function manyOfTheBackendsRequestsAtOnceFindTheirWayBack(context, pair) {
  let turn = 0;
  const answers = {
    // Answered in another order than asked.
    'sampling/createMessage': async ({ params }) => {
      await sleep((++turn % 3) * 60);
      return { model: params.messages[0].content.text, role: 'assistant', content: { type: 'text', text: 'x' } };
    },
  };
  const [, host] = await connected(context, pair, { answers });
  const ask = async (n) => {
    const params = { messages: [{ role: 'user', content: { type: 'text', text: `ask ${n}` } }], maxTokens: 1 };
    const result = await within(5000, host.callRaw('ask_host', { method: 'sampling/createMessage', params }), `${n}`);
    assert.equal(JSON.parse(result.content[0].text).result.model, `ask ${n}`);
  };
  await Promise.all(Array.from({ length: 12 }, (_, n) => ask(n)));
  assertQuiet(host);
}

async function aModernBackendsRequestNeverReachesTheHost(context, pair) {
  const [, host] = await connected(context, pair);
  const abort = new AbortController();
  const rejected = willReject(host.callRaw('ask_host', { method: 'roots/list' }, { signal: abort.signal }));
  await sleep(300);
  assert.equal(host.count('roots/list'), 0);
  abort.abort();
  await rejected;
  assert.equal(await host.call('echo', { text: 'on it goes' }), 'on it goes');
  assertQuiet(host);
}

async function everyOtherRequestOfTheSdkPassesThrough(context, pair) {
  const [, host] = await connected(context, pair);
  const { client } = host;
  const { resources } = await client.listResources();
  assert.deepEqual(resources.map((resource) => resource.uri), ['demo://one', 'demo://two', 'config://app']);
  assert.equal((await client.listResourceTemplates()).resourceTemplates[0].uriTemplate, 'demo://dynamic/{id}');
  assert.equal((await client.readResource({ uri: 'demo://one' })).contents[0].text, 'the first resource');
  await assert.rejects(client.readResource({ uri: 'demo://none' }), /not found/);
  assert.equal((await client.listPrompts()).prompts.length, 2);
  const prompt = await client.getPrompt({ name: 'args-prompt', arguments: { city: 'Bern' } });
  assert.match(prompt.messages[0].content.text, /Bern/);
  if (pair.era === 'legacy') {
    await client.ping();
    const ref = { type: 'ref/prompt', name: 'args-prompt' };
    const { completion } = await client.complete({ ref, argument: { name: 'city', value: 'S' } });
    assert.deepEqual(completion.values, ['Sales', 'Support']);
    await client.sendRootsListChanged();
  }
  assert.equal((await host.callRaw('fail')).isError, true);
  await assert.rejects(host.callRaw('error', { code: -32123, message: 'as asked' }), /as asked/);
  const long = 'ü'.repeat(1 << 20);
  assert.equal(await host.call('echo', { text: long }), long);
  assertQuiet(host);
}

async function aSlowListOfPagesIsWalkedAsUsual(context, pair) {
  const backend = new Backend(context, ['--era', pair.backend, '--page-size', '4']);
  await backend.start();
  const host = new Host(context, pair, backend.url, { args: FAST });
  await host.connect();
  const names = [];
  let cursor;
  do {
    const page = await within(5000, host.client.listTools({ cursor }), 'a page');
    names.push(...page.tools.map((tool) => tool.name));
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  assert.equal(new Set(names).size, names.length);
  assert.ok(names.includes('echo') && names.includes('set_tools'));
  assertQuiet(host);
}

export default [
  ...each(PAIRS, aClosedClientLeavesNoShimBehind),
  ...each(PAIRS, aClosedClientLeavesNoShimBehindWhileTheBackendIsAway),
  ...each(PAIRS, aClosedClientLeavesNoShimBehindWhileCallsArePending),
  ...each(PAIRS, aClosedClientLeavesNoShimBehindWhileCallsAreQueued),
  ...each(PAIRS, progressReachesTheCallThatAskedForIt),
  ...each(PAIRS, aCancelledCallIsCancelledAtTheBackend),
  ...each(PAIRS, aCallCancelledWhileItIsQueuedNeverReachesABackend),
  ...each(LEGACY, theBackendsRequestsAreAnsweredByTheHost),
  ...each(LEGACY, manyOfTheBackendsRequestsAtOnceFindTheirWayBack),
  ...each(MODERN, aModernBackendsRequestNeverReachesTheHost),
  ...each(PAIRS, everyOtherRequestOfTheSdkPassesThrough),
  ...each(PAIRS, aSlowListOfPagesIsWalkedAsUsual),
];
