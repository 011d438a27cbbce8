// Backends that are killed under a host, and come back.

import assert from 'node:assert/strict';

import { assertQuiet, each } from './cases.mjs';
import { Backend, sleep, until, within } from './harness.mjs';
import { Host, ownReason, PAIRS } from './hosts.mjs';

const LIST_CHANGED = 'notifications/tools/list_changed';
const UPDATED = 'notifications/resources/updated';
const LOG = 'notifications/message';
const LEGACY = PAIRS.filter((pair) => pair.era === 'legacy');
const MODERN = PAIRS.filter((pair) => pair.era === 'modern');

async function connected(context, pair, options = {}, faults = []) {
  const backend = new Backend(context, ['--era', pair.backend]);
  await backend.start(...faults);
  const host = new Host(context, pair, backend.url, options);
  await host.connect();
  return [backend, host];
}

/** No tool that may change something ran twice, whatever was killed when. */
function assertNothingRanTwice(backend, ...tools) {
  for (const tool of tools) {
    const ids = backend.executed(tool);
    assert.equal(new Set(ids).size, ids.length, `${tool} ran as ${ids}`);
  }
}

async function aHostListsAndCallsThroughThreeRestarts(context, pair) {
  const [backend, host] = await connected(context, pair);
  const tools = await host.listTools();
  await host.subscribe('demo://one');
  if (pair.era === 'legacy') await host.client.setLoggingLevel('warning');

  for (let restart = 1; restart <= 3; ++restart) {
    const running = host.callRaw('sleep', { ms: 60000 });
    await until(5000, () => backend.executed('sleep', restart - 1).length === 1, 'sleep runs');
    await backend.kill();
    const result = await within(1000, running, 'the call in flight is settled');
    assert.equal(ownReason(result), 'outcome-unknown');

    const queued = host.call('counter');
    const listed = host.listTools();
    await backend.start();
    assert.equal(await queued, '1');
    assert.deepEqual(await listed, tools);
    assert.equal(await host.call('echo', { text: `run ${restart}` }), `run ${restart}`);
    assert.equal(await host.call('touch_resource', { uri: 'demo://one' }), 'sent 1');
    await host.notified(UPDATED, restart);

    if (pair.era === 'legacy') {
      await host.call('log', { level: 'info', data: 'must not come' });
      await host.call('log', { level: 'error', data: `error ${restart}` });
      const message = await host.notified(LOG, restart);
      assert.equal(message.params.data, `error ${restart}`);
    }
  }

  await sleep(300);
  assert.equal(host.count(LIST_CHANGED), 0);
  assert.equal(host.count(UPDATED), 3);
  assert.equal(host.subscriptionEnded, undefined);
  assert.deepEqual(backend.executed('sleep').length, 3);
  assertNothingRanTwice(backend, 'sleep', 'counter', 'touch_resource', 'log');
  assertQuiet(host);
}

async function aSubscriptionStaysLiveAndHearsOfListChangesOverRestarts(context, pair) {
  const [backend, host] = await connected(context, pair);
  await host.listTools();
  await host.subscribe('demo://one');
  for (let restart = 1; restart <= 3; ++restart) {
    await backend.restart();
    await host.call('echo', { text: 'the session is taken up' });
    await sleep(100);
    await host.call('set_tools', { add: [`added-${restart}`] });
    // A notification each time the tools change: by set_tools, and by each restart that forgets them.
    await host.notified(LIST_CHANGED, 2 * restart - 1);
    assert.ok((await host.listTools()).includes(`added-${restart}`));
    if (restart < 3) {
      await backend.restart();
      await host.notified(LIST_CHANGED, 2 * restart);
      assert.ok(!(await host.listTools()).includes(`added-${restart}`));
    }
  }
  await sleep(300);
  assert.equal(host.count(LIST_CHANGED), 5);
  assert.equal(host.count('notifications/subscriptions/acknowledged'), pair.era === 'modern' ? 1 : 0);
  assert.equal(host.subscriptionEnded, undefined);
  assertQuiet(host);
}

async function aChangeThatTheNewBackendAnnouncesItselfIsAnnouncedOnce(context, pair) {
  const [backend, host] = await connected(context, pair);
  await host.listTools();
  await host.subscribe('demo://one');
  const known = [];  // tools that the next backend has from its start
  for (let restart = 1; restart <= 3; ++restart) {
    await backend.kill();
    await sleep(100);  // the call is to find no link
    const adding = host.call('set_tools', { add: [`added-${restart}`] });
    await backend.start(...known);
    await adding;
    known.push('--extra-tool', `added-${restart}`);
    await host.notified(LIST_CHANGED, restart);
    await sleep(300);
    assert.equal(host.count(LIST_CHANGED), restart);
    assert.ok((await host.listTools()).includes(`added-${restart}`));
  }
  assertQuiet(host);
}

async function aClosedSubscriptionIsNotRenewedAfterARestart(context, pair) {
  const [backend, host] = await connected(context, pair);
  await host.listTools();
  await host.subscribe('demo://one');
  await host.subscription.close();
  await until(5000, () => backend.received('notifications/cancelled').length === 1, 'it is cancelled');
  await backend.restart('--extra-tool', 'new');
  assert.equal(await host.call('touch_resource', { uri: 'demo://one' }), 'sent 0');
  assert.equal(backend.received('subscriptions/listen').length, 0);
  assert.equal(host.count(LIST_CHANGED), 0);
  assertQuiet(host);
}

async function anOrderlyShutdownDoesNotEndASubscription(context, pair) {
  const [backend, host] = await connected(context, pair);
  await host.subscribe('demo://one');
  for (const cancel of [false, true]) {
    assert.equal(await host.call('end_subscriptions', { cancel }), 'ended 1');
    await backend.restart();
    assert.equal(await host.call('touch_resource', { uri: 'demo://one' }), 'sent 1');
  }
  await host.notified('notifications/resources/updated', 2);
  assert.equal(host.subscriptionEnded, undefined);
  assertQuiet(host);
}

async function aSubscriptionThatTheServerEndsIsOverForTheHostToo(context, pair) {
  for (const [cancel, why] of [
    [false, 'graceful'],
    [true, 'remote'],
  ]) {
    const [, host] = await connected(context, pair);
    await host.subscribe('demo://one');
    await host.call('end_subscriptions', { cancel });
    await until(15000, () => host.subscriptionEnded, 'the host hears of the end');
    assert.equal(host.subscriptionEnded, why);
    assertQuiet(host);
  }
}

/** A handler that answers only when told to, and notes whether it was aborted. */
function lateAnswer(result) {
  const state = { calls: 0, aborted: 0 };
  state.answer = (_request, signal) => {
    ++state.calls;
    signal.addEventListener('abort', () => ++state.aborted);
    return new Promise((done) => (state.finish = () => done(result)));
  };
  return state;
}

async function aRequestOpenAtTheHostIsCancelledAndItsLateAnswerGoesNowhere(context, pair) {
  const sampling = lateAnswer({ model: 'm', role: 'assistant', content: { type: 'text', text: 'late' } });
  const elicitation = lateAnswer({ action: 'accept', content: { ok: true } });
  const [backend, host] = await connected(context, pair, {
    answers: { 'sampling/createMessage': sampling.answer, 'elicitation/create': elicitation.answer },
  });
  await host.listTools();
  for (let restart = 1; restart <= 3; ++restart) {
    const asking = host.callRaw('ask_host', { method: 'sampling/createMessage' });
    const request = await until(
      5000,
      () => host.received.findLast((message) => message.method === 'sampling/createMessage'),
      'the host is asked',
    );
    await until(5000, () => sampling.calls === restart, 'the handler runs');
    await backend.kill();
    assert.equal(ownReason(await within(1000, asking, 'ask_host is settled')), 'outcome-unknown');
    await until(1000, () => sampling.aborted === restart, 'the handler is aborted');
    sampling.finish();
    await backend.start();

    // The new backend counts from 0 again: its request has the id of the one that is gone.
    const askingAgain = host.callRaw('ask_host', { method: 'elicitation/create' });
    await until(5000, () => elicitation.calls === restart, 'the host is asked again');
    const again = host.received.findLast((message) => message.method === 'elicitation/create');
    assert.equal(typeof request.id, 'string');
    assert.notEqual(again.id, request.id);
    // An SDK sends no answer after an abort. Others may.
    const late = { action: 'decline' };
    await host.transport.send({ jsonrpc: '2.0', id: request.id, result: late });
    await sleep(100);
    elicitation.finish();
    const result = await within(5000, askingAgain, 'ask_host is answered');
    const answer = JSON.parse(result.content[0].text);
    assert.deepEqual(answer, { jsonrpc: '2.0', id: 0, result: { action: 'accept', content: { ok: true } } });
    const answers = backend.journal().filter((line) => line.message?.result?.action === 'decline');
    assert.deepEqual(answers, []);
  }
  assert.equal(elicitation.aborted, 0);
  assertNothingRanTwice(backend, 'ask_host');
  assertQuiet(host);
}

async function aRestartWithOneMoreToolIsAnnouncedOnceAndOneWithTheSameIsNot(context, pair) {
  const seen = [];
  const onChanged = (error, items) => seen.push(error ?? items.map((tool) => tool.name));
  const [backend, host] = await connected(context, pair, { listChanged: { tools: { onChanged } } });
  const tools = await host.listTools();

  await backend.restart();
  assert.equal(await host.call('echo', { text: 'same' }), 'same');
  await sleep(500);
  assert.equal(host.count(LIST_CHANGED), 0);

  await backend.restart('--extra-tool', 'new');
  await host.notified(LIST_CHANGED);
  await until(3000, () => seen.length > 0, 'the SDK has fetched the list again');
  assert.deepEqual(seen, [[...tools, 'new']]);
  assert.equal(await host.call('new', { text: 'works' }), 'works');

  await backend.restart('--extra-tool', 'new');
  assert.equal(await host.call('new', { text: 'same again' }), 'same again');
  await sleep(500);
  assert.equal(host.count(LIST_CHANGED), 1);

  await backend.restart();
  await host.notified(LIST_CHANGED, 2);
  await until(3000, () => seen.length > 1, 'the SDK has fetched the list again');
  assert.deepEqual(seen[1], tools);
  assert.equal(host.count('notifications/prompts/list_changed'), 0);
  assert.equal(host.count('notifications/resources/list_changed'), 0);
  assertQuiet(host);
}

async function aHostThatNeverAskedForTheToolsHearsNothingOfThem(context, pair) {
  const [backend, host] = await connected(context, pair);
  if (pair.era === 'modern') await host.subscribe('demo://one');
  assert.equal(await host.call('echo', { text: 'before' }), 'before');
  await backend.restart('--extra-tool', 'new');
  assert.equal(await host.call('new', { text: 'works' }), 'works');
  await sleep(300);
  assert.equal(host.count(LIST_CHANGED), 0);
  assertQuiet(host);
}

async function aReadOnlyCallUnderAFrozenBackendIsRepeatedAndAnyOtherIsNot(context, pair) {
  const [backend, host] = await connected(context, pair);
  await host.listTools();
  backend.signal('SIGSTOP');
  const big = host.callRaw('big', { bytes: 100000 });
  const echo = host.callRaw('echo', { text: 'again' });
  const slept = host.callRaw('sleep', { ms: 1 });
  const counted = host.callRaw('counter');
  const listed = host.listTools();
  await sleep(200);
  await backend.kill();
  for (const call of [slept, counted]) {
    assert.equal(ownReason(await within(1000, call, 'the call is settled')), 'outcome-unknown');
  }
  await backend.start();
  assert.equal((await within(10000, big, 'big')).content[0].text.length, 100000);
  assert.equal((await within(10000, echo, 'echo')).content[0].text, 'again');
  assert.ok((await listed).includes('echo'));
  assert.equal(await host.call('counter'), '1');
  assert.equal(backend.executed('sleep').length, 0);
  assertNothingRanTwice(backend, 'counter');
  assertQuiet(host);
}

async function aReadOnlyCallThatRanUnansweredIsRepeatedAndAnyOtherRunsOnce(context, pair) {
  const [backend, host] = await connected(context, pair, {}, ['--fault', 'late-answer-ms=60000']);
  await host.listTools();
  const echo = host.callRaw('echo', { text: 'again' });
  const counted = host.callRaw('counter');
  await until(5000, () => backend.executed('counter').length === 1, 'both ran');
  await backend.kill();
  assert.equal(ownReason(await within(1000, counted, 'counter')), 'outcome-unknown');
  await backend.start();
  assert.equal((await within(10000, echo, 'echo')).content[0].text, 'again');
  assert.equal(backend.executed('echo', 0).length, 1);
  assert.equal(backend.executed('echo', 1).length, 1);
  assert.equal(backend.executed('counter', 1).length, 0);
  assertQuiet(host);
}

async function aReadOnlyCallIsRepeatedOnlyOnce(context, pair) {
  const fault = ['--fault', 'late-answer-ms=60000'];
  const [backend, host] = await connected(context, pair, {}, fault);
  await host.listTools();
  const echo = host.callRaw('echo', { text: 'x' });
  await until(5000, () => backend.executed('echo', 0).length === 1, 'it ran');
  await backend.restart(...fault);
  await until(5000, () => backend.executed('echo', 1).length === 1, 'it ran again');
  await backend.kill();
  assert.equal(ownReason(await within(1000, echo, 'echo is settled')), 'outcome-unknown');
  await backend.start();
  assert.equal(await host.call('echo', { text: 'next' }), 'next');
  assert.equal(backend.executed('echo', 2).length, 1);
  assertQuiet(host);
}

async function aReadOnlyCallIsNotRepeatedBeforeTheToolsWereListed(context, pair) {
  const [backend, host] = await connected(context, pair, {}, ['--fault', 'late-answer-ms=60000']);
  const echo = host.callRaw('echo', { text: 'x' });
  await until(5000, () => backend.executed('echo').length === 1, 'it ran');
  await backend.kill();
  assert.equal(ownReason(await within(1000, echo, 'echo')), 'outcome-unknown');
  await backend.start();
  assert.equal(await host.call('counter'), '1');
  assert.equal(backend.executed('echo', 1).length, 0);
  assertQuiet(host);
}

async function aCallInFlightWhenTheBackendCrashesOrClosesIsSettledAtOnce(context, pair) {
  const [backend, host] = await connected(context, pair);
  await host.listTools();
  const closing = await within(1000, host.callRaw('close', { code: 1012 }), 'close');
  assert.equal(ownReason(closing), 'outcome-unknown');
  const crashing = await within(5000, host.callRaw('crash'), 'crash');
  assert.equal(ownReason(crashing), 'outcome-unknown');
  await backend.restart();
  assert.equal(await host.call('echo', { text: 'back' }), 'back');
  assertNothingRanTwice(backend, 'close', 'crash');
  assertQuiet(host);
}

export default [
  ...each(PAIRS, aHostListsAndCallsThroughThreeRestarts),
  ...each(PAIRS, aSubscriptionStaysLiveAndHearsOfListChangesOverRestarts),
  ...each(PAIRS, aChangeThatTheNewBackendAnnouncesItselfIsAnnouncedOnce),
  ...each(MODERN, aClosedSubscriptionIsNotRenewedAfterARestart),
  ...each(MODERN, anOrderlyShutdownDoesNotEndASubscription),
  ...each(MODERN, aSubscriptionThatTheServerEndsIsOverForTheHostToo),
  ...each(LEGACY, aRequestOpenAtTheHostIsCancelledAndItsLateAnswerGoesNowhere),
  ...each(PAIRS, aRestartWithOneMoreToolIsAnnouncedOnceAndOneWithTheSameIsNot),
  ...each(PAIRS, aHostThatNeverAskedForTheToolsHearsNothingOfThem),
  ...each(PAIRS, aReadOnlyCallUnderAFrozenBackendIsRepeatedAndAnyOtherIsNot),
  ...each(PAIRS, aReadOnlyCallThatRanUnansweredIsRepeatedAndAnyOtherRunsOnce),
  ...each(PAIRS, aReadOnlyCallIsRepeatedOnlyOnce),
  ...each(PAIRS, aReadOnlyCallIsNotRepeatedBeforeTheToolsWereListed),
  ...each(PAIRS, aCallInFlightWhenTheBackendCrashesOrClosesIsSettledAtOnce),
];
