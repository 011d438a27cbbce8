// The real servers, and what the cases need to know of each: how it is started and how its tools are
// called. All have one that returns its argument and one that takes a while, with progress.

import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { Daemon } from '../daemon.mjs';
import { Backend } from '../harness.mjs';

const file = (path) => fileURLToPath(new URL(path, import.meta.url));
const PYTHON = '/usr/bin/python3'; // Debian's: it has Debian's packages
const NODE = process.execPath;

const everything = file('../node_modules/@modelcontextprotocol/server-everything/dist/index.js');
const supergateway = file('../node_modules/supergateway/dist/index.js');

/** For servers with a tool that tells how often the slow one was started and cancelled. */
const askCounts = async (_server, host) => JSON.parse(await host.call('counts'));

const ownTools = {
  echo: (text) => ['echo', { text }, text],
  slow: (ms, steps) => ['slow', { ms, steps }],
  counts: askCounts,
};

export const EVERYTHING = {
  title: 'server-everything behind supergateway',
  make: (context) =>
    new Daemon(context, 'supergateway', (port) => [
      NODE, supergateway, '--stdio', `"${NODE}" "${everything}" stdio`, '--outputTransport', 'ws',
      '--port', port, '--messagePath', '/mcp',
    ]),
  echo: (text) => ['echo', { message: text }, `Echo: ${text}`],
  slow: (ms, steps) => ['trigger-long-running-operation', { duration: ms / 1000, steps }],
  slowIsReadOnly: true,
  announcesTools: true, // after each initialize, whether they are others or not
  // It gives requests other ids, but not what cancels them: its server never learns of it.
  counts: undefined,
};

const mcpServer = (title, ...options) => ({
  title,
  make: (context) =>
    new Daemon(context, title, (port, ...more) => [NODE, file('mcp_server.mjs'), port, ...options, ...more]),
  ...ownTools,
});

export const MCP_SERVER = mcpServer('McpServer 2.x behind ws');
export const MODERN_MCP_SERVER = mcpServer('McpServer 2.x behind ws, modern only', '--modern-only');

export const WEBSOCKETS = {
  title: "python3-websockets",
  missing: existsSync(PYTHON) ? undefined : 'no /usr/bin/python3 (Debian: python3, python3-websockets)',
  make: (context) =>
    new Daemon(context, 'websockets_server.py', (port) => [PYTHON, file('../../websockets_server.py'), port]),
  ...ownTools,
};

/** The fake backend of this project, of one era, behind an edge (see edges.mjs). */
export const behindEdge = (Edge, era) => ({
  title: `fake backend (${era}) behind ${Edge.title}`,
  missing: Edge.missing,
  async make(context) {
    const backend = await new Backend(context, ['--era', era]).reserve();
    backend.edge = await new Edge(context, [backend.port]).start();
    return backend;
  },
  echo: ownTools.echo,
  slow: (ms, steps) => ['sleep', { ms, progress_every_ms: ms / steps }],
  counts: async (backend) => ({
    started: backend.executed('sleep').length,
    cancelled: backend.received('notifications/cancelled').length,
  }),
});
