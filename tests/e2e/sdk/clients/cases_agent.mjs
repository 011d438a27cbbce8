// opencode, an agent that keeps its servers for as long as it runs.

import assert from 'node:assert/strict';

import { each } from '../cases.mjs';
import { Backend, until } from '../harness.mjs';
import { OPENCODE, Run } from './cli.mjs';
import { Model } from './model.mjs';

const newBackend = (context) => new Backend(context, ['--era', 'legacy']);

async function assertConnected(context, client, url) {
  const { code, stdout, stderr } = await new Run(context, client.command(context, url, 'mcp', 'list')).done;
  assert.equal(code, 0, stderr);
  assert.match(stdout, /✓ backend \S*connected/);
}

async function itShowsTheServerAsConnectedWithABackendAndWithout(context, client) {
  const backend = await newBackend(context).reserve();
  await assertConnected(context, client, backend.url); // neither backend nor cache
  await backend.start();
  await assertConnected(context, client, backend.url);
  await backend.kill();
  await assertConnected(context, client, backend.url);
}

async function itsModelCallsToolsThroughRestarts(context, client) {
  const backend = await newBackend(context).start();
  const model = await new Model(context, [
    ['backend_echo', { text: 'before' }],
    async () => {
      await backend.restart('--extra-tool', 'new');
      await until(5000, () => backend.received('initialize').length === 1, 'the shim has come over');
      return ['backend_counter', {}];
    },
    async () => {
      // opencode is told of the new tool, and offers it at the next turn.
      await until(5000, () => backend.received('tools/list').length >= 2, 'the tools are fetched again');
      until(10000, () => backend.executed('sleep', 1).length === 1, 'sleep runs').then(() => backend.restart('--extra-tool', 'new'));
      return ['backend_sleep', { ms: 60000 }];
    },
    ['backend_new', { text: 'after' }],
  ]).listen();
  const run = new Run(context, { ...client, config: model.config }.command(context, backend.url, 'run', 'go on'), 60000);
  const { code, stderr } = await run.done;
  assert.equal(code, 0, stderr);
  const [echoed, counted, slept, after, ...more] = model.results;
  assert.deepEqual([echoed, counted, after, more], ['before', '1', 'after', []]);
  assert.match(slept, /may or may not have been carried out/);
  assert.ok(!model.tools[0].includes('backend_new') && model.tools.at(-1).includes('backend_new'));
  assert.equal(backend.executed('sleep').length, 1);
}

export default [
  ...each([OPENCODE], itShowsTheServerAsConnectedWithABackendAndWithout),
  ...each([OPENCODE], itsModelCallsToolsThroughRestarts),
];
