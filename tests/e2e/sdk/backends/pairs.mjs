// Which host is tried with which server. Every pair runs what is in cases_servers.mjs.

import { FAST, Host, PAIRS } from '../hosts.mjs';
import { EDGES } from './edges.mjs';
import { behindEdge, EVERYTHING, MCP_SERVER, MODERN_MCP_SERVER, WEBSOCKETS } from './servers.mjs';

const HOST_1 = { ...PAIRS.find((pair) => pair.sdk === 1), title: '1.x' };
const HOST_2_LEGACY = { ...PAIRS.find((pair) => pair.sdk === 2 && pair.era === 'legacy'), title: '2.x auto' };
// To a probe, whose id is a string, supergateway gives an answer whose id is null. So the probe runs
// into its time limit, which is 60 s where nobody says otherwise.
const HOST_2_IMPATIENT = { ...HOST_2_LEGACY, probe: { timeoutMs: 500 } };
const HOST_2 = { ...PAIRS.find((pair) => pair.sdk === 2 && pair.era === 'modern'), title: '2.x auto' };
const HOST_2_PINNED = { ...PAIRS.find((pair) => pair.mode?.pin), title: '2.x pinned' };

const pair = (host, server) => ({ ...host, server, missing: server.missing, title: `${host.title}, ${server.title}` });

export const SERVER_PAIRS = [
  pair(HOST_1, EVERYTHING),
  pair(HOST_2_IMPATIENT, EVERYTHING),
  pair(HOST_1, MCP_SERVER),
  pair(HOST_2, MCP_SERVER),
  pair(HOST_2_PINNED, MODERN_MCP_SERVER),
  pair(HOST_1, WEBSOCKETS),
  pair(HOST_2_LEGACY, WEBSOCKETS),
];

export const EDGE_PAIRS = EDGES.flatMap((Edge) => [
  pair(HOST_1, behindEdge(Edge, 'legacy')),
  pair(HOST_2, behindEdge(Edge, 'modern')),
]);

/** The pair's host with further flags for its shim, not yet connected. */
export function newHost(context, { server: _, ...host }, running, args = [], options = {}) {
  const { edge } = running;
  const all = [...FAST, ...(edge?.shimArgs ?? []), ...args];
  return new Host(context, host, (edge ?? running).url, { args: all, ...options });
}

/** The pair's server, running, and its host, connected. */
export async function connected(context, pair, args, options) {
  const server = await pair.server.make(context);
  await server.start();
  const host = newHost(context, pair, server, args, options);
  await host.connect();
  return [server, host];
}

/** How often a link was lost that had been ready. */
export const losses = (host) => host.log.match(/^.* link \d+ lost: /gm)?.length ?? 0;
