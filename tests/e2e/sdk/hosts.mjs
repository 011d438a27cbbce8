// The two SDK generations behind one face: a host that launches the shim and records what it sees.

import { Client as Client1 } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport as Transport1 } from '@modelcontextprotocol/sdk/client/stdio.js';
import * as types1 from '@modelcontextprotocol/sdk/types.js';
import { Client as Client2 } from '@modelcontextprotocol/client';
import { StdioClientTransport as Transport2 } from '@modelcontextprotocol/client/stdio';

import { SHIM, until, within } from './harness.mjs';

export const MODERN = '2026-07-28';

/** Every host against every backend that it can work with. `era` is what they agree on. */
export const PAIRS = [
  { title: '1.x, legacy backend', sdk: 1, backend: 'legacy', era: 'legacy' },
  { title: '2.x auto, legacy backend', sdk: 2, mode: 'auto', backend: 'legacy', era: 'legacy' },
  { title: '2.x auto, modern backend', sdk: 2, mode: 'auto', backend: 'modern', era: 'modern' },
  { title: '2.x pinned, modern backend', sdk: 2, mode: { pin: MODERN }, backend: 'modern', era: 'modern' },
  { title: '2.x auto, dual backend', sdk: 2, mode: 'auto', backend: 'dual', era: 'modern' },
];

/** Reconnects quickly, so that a case with restarts takes seconds. */
export const FAST = ['--backoff-base', '50ms', '--backoff-cap', '300ms'];

/** The answers a well-behaved host gives to a backend's requests. */
const DEFAULT_ANSWERS = {
  'roots/list': () => ({ roots: [{ uri: 'file:///work', name: 'work' }] }),
  'sampling/createMessage': () => ({
    model: 'test-model',
    role: 'assistant',
    content: { type: 'text', text: 'sampled' },
  }),
  'elicitation/create': () => ({ action: 'accept', content: { ok: true } }),
};

const SCHEMAS_1 = {
  'roots/list': types1.ListRootsRequestSchema,
  'sampling/createMessage': types1.CreateMessageRequestSchema,
  'elicitation/create': types1.ElicitRequestSchema,
};

export class Host {
  /**
   * @param context of the case
   * @param pair one of PAIRS
   * @param url of the backend
   * @param options `args`: of the shim; `answers`: handlers (request, signal) by method;
   *   `listChanged`: as the SDKs' option of that name; `cache`: the cache's name in the context
   */
  constructor(context, pair, url, { args = FAST, answers = {}, listChanged, cache = 'cache' } = {}) {
    this.pair = pair;
    this.received = [];  // every message that came, in order
    this.errors = [];  // what the SDK complained about
    this.log = '';
    const server = {
      command: SHIM,
      args: ['--cache-dir', context.path(cache), ...args, url],
      env: { HOME: context.dir, XDG_RUNTIME_DIR: context.dir },
      stderr: 'pipe',
    };
    const info = { name: 'sdk-test', version: '1' };
    const options = {
      capabilities: { roots: { listChanged: true }, sampling: {}, elicitation: {} },
      ...(listChanged && { listChanged }),
    };
    if (pair.sdk === 1) {
      this.client = new Client1(info, options);
      this.transport = new Transport1(server);
    } else {
      this.client = new Client2(info, { ...options, versionNegotiation: { mode: pair.mode, probe: pair.probe } });
      this.transport = new Transport2(server);
    }
    for (const [method, answer] of Object.entries({ ...DEFAULT_ANSWERS, ...answers })) {
      if (pair.sdk === 1) {
        this.client.setRequestHandler(SCHEMAS_1[method], (request, extra) => answer(request, extra.signal));
      } else {
        this.client.setRequestHandler(method, (request, ctx) => answer(request, ctx.mcpReq.signal));
      }
    }
    this.client.onerror = (error) => this.errors.push(error);
    this.transport.onmessage = (message) => this.received.push(message);
    this.transport.stderr.on('data', (chunk) => (this.log += chunk));
    context.reports.push(() => this.report());
    context.onDispose(() => this.close());
  }

  async connect(ms = 10000) {
    await within(ms, this.client.connect(this.transport), 'the client is connected');
    this.pid = this.transport.pid;
    const child = this.transport._process;
    this.exited = new Promise((done) => child.once('exit', (code, signal) => done({ code, signal })));
    return this;
  }

  async close() {
    await within(8000, this.client.close(), 'the client is closed');
    await within(8000, this.transport.close(), 'a connect that was under way is given up');
  }

  get serverName() {
    return this.client.getServerVersion()?.name;
  }

  async listTools(ms = 10000) {
    const { tools } = await within(ms, this.client.listTools(), 'tools/list');
    return tools.map((tool) => tool.name);
  }

  /** The whole result of a tool call. Options as the SDKs' RequestOptions. */
  callRaw(name, args = {}, options = {}) {
    const params = { name, arguments: args };
    return this.pair.sdk === 1
      ? this.client.callTool(params, undefined, options)
      : this.client.callTool(params, options);
  }

  /** The text of a tool call that must succeed. */
  async call(name, args, ms = 15000) {
    const result = await within(ms, this.callRaw(name, args), `the answer of ${name}`);
    if (result.isError) throw new Error(`${name} failed: ${JSON.stringify(result)}`);
    return result.content[0].text;
  }

  /** Subscribes to updates of a resource in the way of the era. */
  async subscribe(uri) {
    if (this.pair.era === 'legacy') {
      await within(20000, this.client.subscribeResource({ uri }), 'resources/subscribe');
    } else {
      this.subscription = await within(
        20000,
        this.client.listen({ toolsListChanged: true, resourceSubscriptions: [uri] }),
        'the subscription is acknowledged',
      );
      this.subscription.closed.then((why) => (this.subscriptionEnded = why));
    }
  }

  /** How often a notification came. */
  count(method) {
    return this.received.filter((message) => message.method === method).length;
  }

  /** Waits for the nth notification of this method and returns it. */
  notified(method, nth = 1, ms = 10000) {
    return until(
      ms,
      () => this.received.filter((message) => message.method === method)[nth - 1],
      `${method} for the ${nth}. time`,
    );
  }

  /** What the SDK said, the last messages and the shim's log, for a failed case. */
  report() {
    const cut = (value) => JSON.stringify(value).slice(0, 300);
    return [
      ...this.errors.map((error) => `SDK error: ${error.message.slice(0, 300)}`),
      ...this.received.slice(-12).map((message) => `received: ${cut(message)}`),
      ...this.log.split('\n').slice(-20),
    ].join('\n');
  }
}

/** Why the shim settled a call itself, or undefined for a real answer. */
export function ownReason(result) {
  return result.isError ? result._meta?.['mcp-ws-shim/error']?.reason : undefined;
}
