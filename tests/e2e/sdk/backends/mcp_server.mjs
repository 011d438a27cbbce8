// An McpServer of the official SDK 2.x behind a WebSocket server. serveStdio() serves one connection,
// of whichever era, on any transport; here each WebSocket is one.
// Usage: mcp_server.mjs PORT [--modern-only] [--extra-tool NAME]...

import { parseArgs } from 'node:util';

import { McpServer } from '@modelcontextprotocol/server';
import { serveStdio } from '@modelcontextprotocol/server/stdio';
import { WebSocketServer } from 'ws';
import * as z from 'zod';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { 'modern-only': { type: 'boolean' }, 'extra-tool': { type: 'string', multiple: true } },
});

/** A JSON-RPC message a text frame. */
class WebSocketTransport {
  constructor(socket) {
    this.socket = socket;
  }

  async start() {
    this.socket.on('message', (data) => this.onmessage?.(JSON.parse(data)));
    this.socket.on('error', (error) => this.onerror?.(error));
    this.socket.on('close', () => this.onclose?.());
  }

  async send(message) {
    this.socket.send(JSON.stringify(message));
  }

  async close() {
    this.socket.close();
  }
}

const text = (value) => ({ content: [{ type: 'text', text: String(value) }] });
const extraTools = values['extra-tool'] ?? [];
const servers = new Set();
const counts = { started: 0, cancelled: 0 };

async function slow({ ms, steps }, ctx) {
  ++counts.started;
  ctx.mcpReq.signal.addEventListener('abort', () => ++counts.cancelled);
  const progressToken = ctx.mcpReq._meta?.progressToken;
  for (let step = 1; step <= steps && !ctx.mcpReq.signal.aborted; ++step) {
    await new Promise((done) => setTimeout(done, ms / steps));
    if (progressToken === undefined) continue;
    await ctx.mcpReq.notify({
      method: 'notifications/progress',
      params: { progressToken, progress: step, total: steps },
    });
  }
  return text('slept');
}

function newServer() {
  const server = new McpServer({ name: 'mcp-server', version: '1' }, { capabilities: { tools: { listChanged: true } } });
  const addExtra = (name) => server.registerTool(name, {}, () => text(name));
  server.registerTool(
    'echo',
    { inputSchema: z.object({ text: z.string() }), annotations: { readOnlyHint: true } },
    ({ text: given }) => text(given),
  );
  server.registerTool('slow', { inputSchema: z.object({ ms: z.number(), steps: z.number() }) }, slow);
  server.registerTool('counts', {}, () => text(JSON.stringify(counts)));
  server.registerTool('add_tool', { inputSchema: z.object({ name: z.string() }) }, ({ name }) => {
    extraTools.push(name);
    for (const add of servers) add(name);
    return text('added');
  });
  extraTools.forEach(addExtra);
  servers.add(addExtra);
  server.server.onclose = () => servers.delete(addExtra);
  return server;
}

const listener = new WebSocketServer({ host: '127.0.0.1', port: Number(positionals[0]), path: '/mcp' });
listener.on('connection', (socket) => {
  serveStdio(newServer, {
    transport: new WebSocketTransport(socket),
    legacy: values['modern-only'] ? 'reject' : 'serve',
    onerror: (error) => console.error(error.message),
  });
});
