// Clients that are a command each: they start the shim, ask one thing, print it and end.

import assert from 'node:assert/strict';

import { each, single } from '../cases.mjs';
import { Backend, processesWith, sleep, until } from '../harness.mjs';
import { INSPECTORS, MCP_CLI, MCPORTER, MCPORTER_DAEMON, Run } from './cli.mjs';

const LISTERS = [...INSPECTORS, MCPORTER];
const CALLERS = [...LISTERS, MCP_CLI];
const TOOLS = ['echo', 'sleep', 'counter'];
const UNKNOWN = /may or may not have been carried out/;

const newBackend = (context) => new Backend(context, ['--era', 'dual']);

/** Runs to the end; the client must be content. */
async function succeeds(context, command) {
  const { code, stdout, stderr } = await new Run(context, command).done;
  assert.equal(code, 0, stderr);
  return stdout;
}

async function list(context, client, url) {
  const names = client.tools(await succeeds(context, client.list(context, url)));
  for (const tool of TOOLS) assert.ok(names.includes(tool), `${tool} is listed`);
  return names;
}

async function call(context, client, url, tool, args) {
  return client.text(await succeeds(context, client.call(context, url, tool, args)));
}

/** Waits until a tool runs (of this backend's last start). */
const runs = (backend, tool) => until(10000, () => backend.executed(tool, backend.runs - 1).length > 0, `${tool} runs`);

async function aCommandCallsATool(context, client) {
  const { url } = await newBackend(context).start();
  assert.equal(await call(context, client, url, 'echo', { text: 'Grüße, \u{1F600}' }), 'Grüße, \u{1F600}');
  const failed = await new Run(context, client.call(context, url, 'fail', {})).done;
  assert.equal(client.text(failed.stdout), 'this tool always fails');
}

async function aCommandListsTheToolsWithTheBackendAndFromTheCache(context, client) {
  const backend = await newBackend(context).start();
  const tools = await list(context, client, backend.url);
  await backend.kill();
  assert.deepEqual(await list(context, client, backend.url), tools);
}

async function aCommandStartedBeforeTheBackendWaitsForIt(context, client) {
  const backend = await newBackend(context).reserve();
  const called = call(context, client, backend.url, 'echo', { text: 'early' });
  await sleep(1500); // within --init-grace
  await backend.start();
  assert.equal(await called, 'early');
}

async function aCallInFlightWhenTheBackendIsKilledIsReportedAndNotRepeated(context, client) {
  const backend = await newBackend(context).start();
  const run = new Run(context, client.call(context, backend.url, 'sleep', { ms: 60000 }));
  await runs(backend, 'sleep');
  await backend.restart();
  assert.match(client.text((await run.done).stdout), UNKNOWN);
  assert.equal(backend.executed('sleep').length, 1);
}

/** The Inspector lists the tools before it calls one; so it is known which only read. */
async function aReadOnlyCallInFlightWhenTheBackendIsKilledIsAnsweredByTheNextOne(context, client) {
  const backend = await newBackend(context).start('--fault', 'late-answer-ms=60000');
  const called = call(context, client, backend.url, 'echo', { text: 'again' });
  await runs(backend, 'echo');
  await backend.restart();
  assert.equal(await called, 'again');
  assert.deepEqual([backend.executed('echo', 0).length, backend.executed('echo', 1).length], [1, 1]);
}

async function theInspectorsLoadTestSeesNoErrorWhileTheBackendIsKilledAgainAndAgain(context, client) {
  const backend = await newBackend(context).start();
  const command = client.call(context, backend.url, 'echo', { text: 'x' });
  const run = new Run(context, [...command, '--load', '--load-duration', '4', '--load-concurrency', '10']);
  await runs(backend, 'echo');
  for (let restart = 0; restart < 3; ++restart) {
    await sleep(700);
    await backend.kill();
    await sleep(200);
    await backend.start();
  }
  const { code, stdout, stderr } = await run.done;
  assert.equal(code, 0, stderr);
  const { requests, ok, errors, toolErrors } = JSON.parse(stdout).result;
  assert.ok(requests > 100, `${requests} calls`);
  assert.deepEqual({ ok, errors, toolErrors }, { ok: requests, errors: 0, toolErrors: 0 });
  assert.ok(backend.executed('echo', 3).length > 0);
}

async function theInspectorReadsResourcesAndPrompts(context, client) {
  const { url } = await newBackend(context).start();
  const ask = async (...more) => JSON.parse(await succeeds(context, client.command(context, url, ...more))).result;
  const { resources } = await ask('--method', 'resources/list');
  assert.ok(resources.some((resource) => resource.uri === 'demo://one'));
  const { contents } = await ask('--method', 'resources/read', '--uri', 'demo://one');
  assert.equal(contents[0].text, 'the first resource');
  const { messages } = await ask('--method', 'prompts/get', '--prompt-name', 'args-prompt', '--prompt-args', 'city=Bern');
  assert.match(JSON.stringify(messages), /Bern/);
}

/** It takes no resource whose URI holds a colon. */
async function mcpCliGetsAPrompt(context) {
  const { url } = await newBackend(context).start();
  const command = MCP_CLI.command(context, url, 'get-prompt', 'backend:args-prompt', '--args', '{"city":"Bern"}');
  assert.match(await succeeds(context, command), /Bern/);
}

/** mcporter's daemon keeps one shim for all its commands. */
async function mcportersDaemonOutlivesThreeRestarts(context, client) {
  const backend = await newBackend(context).start();
  context.onDispose(async () => {
    await new Run(context, client.command(context, backend.url, 'daemon', 'stop')).done;
    const left = () => ['mcporter.json', 'cache'].flatMap((name) => processesWith(context.path(name)));
    await until(5000, () => left().length === 0, 'the daemon and its shim have ended');
  });
  const tools = await list(context, client, backend.url);
  const [shim] = processesWith(context.path('cache'));
  for (let restart = 1; restart <= 3; ++restart) {
    assert.equal(await call(context, client, backend.url, 'counter', {}), '1');
    const interrupted = new Run(context, client.call(context, backend.url, 'sleep', { ms: 60000 }));
    await runs(backend, 'sleep');
    await backend.restart('--extra-tool', 'new');
    assert.match(client.text((await interrupted.done).stdout), UNKNOWN);
    assert.deepEqual(await list(context, client, backend.url), [...tools, 'new']);
  }
  assert.equal(backend.executed('sleep').length, 3);
  assert.deepEqual(processesWith(context.path('cache')), [shim]);
}

export default [
  ...each(CALLERS, aCommandCallsATool),
  ...each(LISTERS, aCommandListsTheToolsWithTheBackendAndFromTheCache),
  ...each(CALLERS, aCommandStartedBeforeTheBackendWaitsForIt),
  ...each(CALLERS, aCallInFlightWhenTheBackendIsKilledIsReportedAndNotRepeated),
  ...each(INSPECTORS, aReadOnlyCallInFlightWhenTheBackendIsKilledIsAnsweredByTheNextOne),
  ...each(INSPECTORS, theInspectorsLoadTestSeesNoErrorWhileTheBackendIsKilledAgainAndAgain),
  ...each(INSPECTORS, theInspectorReadsResourcesAndPrompts),
  ...single(mcpCliGetsAPrompt),
  ...each([MCPORTER_DAEMON], mcportersDaemonOutlivesThreeRestarts),
];
