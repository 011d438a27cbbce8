// What every pair of a host and a server does: list, call, progress, cancel, restart.

import assert from 'node:assert/strict';

import { assertQuiet, assertQuietButForProgress, each, willReject } from '../cases.mjs';
import { sleep, until, within } from '../harness.mjs';
import { ownReason } from '../hosts.mjs';
import { connected, EDGE_PAIRS, losses, SERVER_PAIRS } from './pairs.mjs';

const LIST_CHANGED = 'notifications/tools/list_changed';

/** Calls the tool that returns its argument. */
export async function echoes(host, { server }, text) {
  const [name, args, expected] = server.echo(text);
  assert.equal(await host.call(name, args), expected);
}

async function aHostListsAndCalls(context, pair) {
  const [, host] = await connected(context, pair);
  const tools = await host.listTools();
  assert.ok(tools.includes(pair.server.echo('')[0]) && tools.includes(pair.server.slow(1, 1)[0]));
  await echoes(host, pair, 'Grüße, \u{1F600}');
  const long = 'ü'.repeat(1 << 18);
  await echoes(host, pair, long);
  await Promise.all(Array.from({ length: 50 }, (_, n) => echoes(host, pair, `call ${n}`)));
  assertQuiet(host);
}

async function progressReachesTheCallThatAskedForIt(context, pair) {
  const [, host] = await connected(context, pair);
  const seen = [[], []];
  const [name, args] = pair.server.slow(500, 5);
  const calls = seen.map((list) => host.callRaw(name, args, { onprogress: ({ progress }) => list.push(progress) }));
  for (const result of await within(10000, Promise.all(calls), 'both calls')) assert.ok(!result.isError);
  const came = host.received.filter((message) => message.method === 'notifications/progress');
  const tokens = new Set(came.map((message) => message.params.progressToken));
  assert.equal(tokens.size, 2);
  for (const token of tokens) {
    const values = came.map(({ params }) => params).filter((params) => params.progressToken === token)
      .map((params) => params.progress);
    assert.ok(values.length >= 4, `progress: ${values}`);
    assert.deepEqual(values, values.toSorted((a, b) => a - b));
  }
  // The SDKs drop what comes together with the answer.
  for (const list of seen) assert.ok(list.length > 0);
  assertQuietButForProgress(host);
}

async function aCancelledCallIsCancelledAtTheServer(context, pair) {
  const [server, host] = await connected(context, pair);
  const abort = new AbortController();
  const [name, args] = pair.server.slow(800, 4);
  let progress = 0;
  const options = { signal: abort.signal, onprogress: () => ++progress };
  const rejected = willReject(host.callRaw(name, args, options));
  await until(20000, () => progress > 0, 'it runs');
  const id = (await host.notified('notifications/progress')).params.progressToken; // the SDKs' choice
  abort.abort('not needed any more');
  await within(1000, rejected, 'the call is given up');
  const { counts } = pair.server;
  if (counts) {
    const told = async () => (await counts(server, host)).cancelled === 1;
    await until(3000, told, 'the server is told');
  }
  await sleep(1000); // a server that was not told answers by then
  const late = host.received.filter((message) => message.id === id && !message.method);
  assert.deepEqual(late, []);
  await echoes(host, pair, 'on it goes');
  assertQuietButForProgress(host);
}

/** The slow call that a loss interrupts is repeated if its tool only reads, and settled if not. */
async function assertInterrupted(call, { server }) {
  if (server.slowIsReadOnly) {
    assert.ok(!(await within(15000, call, 'it is repeated')).isError);
  } else {
    assert.equal(ownReason(await within(15000, call, 'it is settled')), 'outcome-unknown');
  }
}

async function aRestartOfTheServerIsNoMoreThanADelay(context, pair) {
  const [server, host] = await connected(context, pair);
  const tools = await host.listTools();
  for (const [n, signal] of ['SIGKILL', 'SIGTERM', 'SIGKILL'].entries()) {
    let progress = 0;
    const running = host.callRaw(...pair.server.slow(1000, 10), { onprogress: () => ++progress });
    await until(20000, () => progress > 1, 'the slow call runs');
    await server.kill(signal);
    await until(3000, () => losses(host) === n + 1, 'the shim has noticed');
    const queued = echoes(host, pair, `asked after ${signal}`);
    const listed = host.listTools();
    await sleep(300);
    await server.start();
    await queued;
    assert.deepEqual(await listed, tools);
    await assertInterrupted(running, pair);
    await echoes(host, pair, `after ${signal}`);
  }
  await sleep(300);
  if (!pair.server.announcesTools) assert.equal(host.count(LIST_CHANGED), 0);
  assertQuietButForProgress(host);
}

async function aRestartWithAnotherToolIsAnnouncedAndASubscriptionStaysLive(context, pair) {
  const [server, host] = await connected(context, pair);
  const tools = await host.listTools();
  if (pair.era === 'modern') await host.subscribe('demo://none');
  for (let restart = 1; restart <= 3; ++restart) {
    await server.restart('--extra-tool', `extra-${restart}`);
    await host.notified(LIST_CHANGED, 2 * restart - 1);
    assert.deepEqual((await host.listTools()).toSorted(), [...tools, `extra-${restart}`].toSorted());
    // Announced by the server itself, on what the shim has restored.
    await host.call('add_tool', { name: `added-${restart}` });
    await host.notified(LIST_CHANGED, 2 * restart);
    assert.equal(await host.call(`added-${restart}`), `added-${restart}`);
  }
  await sleep(300);
  assert.equal(host.count(LIST_CHANGED), 6);
  assert.equal(host.subscriptionEnded, undefined);
  assertQuiet(host);
}

const MCP_SERVER_PAIRS = SERVER_PAIRS.filter((pair) => pair.server.title.startsWith('McpServer'));

export default [
  ...each(SERVER_PAIRS, aHostListsAndCalls),
  ...each(SERVER_PAIRS, progressReachesTheCallThatAskedForIt),
  ...each(SERVER_PAIRS, aCancelledCallIsCancelledAtTheServer),
  ...each(SERVER_PAIRS, aRestartOfTheServerIsNoMoreThanADelay),
  ...each(MCP_SERVER_PAIRS, aRestartWithAnotherToolIsAnnouncedAndASubscriptionStaysLive),
  ...each(EDGE_PAIRS, aHostListsAndCalls),
  ...each(EDGE_PAIRS, progressReachesTheCallThatAskedForIt),
  ...each(EDGE_PAIRS, aCancelledCallIsCancelledAtTheServer),
  ...each(EDGE_PAIRS, aRestartOfTheServerIsNoMoreThanADelay),
];
