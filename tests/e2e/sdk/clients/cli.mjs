// Command line clients: how each is told of the shim, and run with nothing of this machine but a
// directory of the case.

import { spawn } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { SHIM, within } from '../harness.mjs';
import { FAST } from '../hosts.mjs';

const NODE = process.execPath;
const module = (path) => fileURLToPath(new URL(`../node_modules/${path}`, import.meta.url));
const opencode = module('opencode-linux-x64-baseline/bin/opencode');
const [major] = process.versions.node.split('.').map(Number);
const newerNode = (needed) =>
  major >= needed ? undefined : `it needs node ${needed}, this is ${process.versions.node}, and npm has none for this machine`;

/** What clients find: no user, no proxy that works, no wish to be measured. */
const environment = (context) => ({
  HOME: context.dir,
  TMPDIR: context.dir,
  XDG_RUNTIME_DIR: context.dir,
  PATH: '/usr/bin:/bin',
  HTTP_PROXY: 'http://127.0.0.1:9',
  HTTPS_PROXY: 'http://127.0.0.1:9',
  NO_PROXY: '127.0.0.1,localhost',
  DO_NOT_TRACK: '1',
  NO_COLOR: '1',
  OPENCODE_DISABLE_AUTOUPDATE: '1',
  OPENCODE_DISABLE_DEFAULT_PLUGINS: '1',
  OPENCODE_DISABLE_LSP_DOWNLOAD: '1',
  OPENCODE_DISABLE_MODELS_FETCH: '1',
});

/** A client under way; `done` gives its exit status and what it printed. */
export class Run {
  constructor(context, [program, ...args], ms = 30000) {
    this.stdout = '';
    this.stderr = '';
    this.child = spawn(program, args, { cwd: context.dir, env: environment(context), stdio: ['ignore', 'pipe', 'pipe'] });
    this.child.stdout.on('data', (chunk) => (this.stdout += chunk));
    this.child.stderr.on('data', (chunk) => (this.stderr += chunk));
    const ended = new Promise((done, fail) => {
      this.child.once('error', fail);
      this.child.once('close', (code) => done({ code, stdout: this.stdout, stderr: this.stderr }));
    });
    this.done = within(ms, ended, `${program} ${args.join(' ')} ends`);
    this.done.catch(() => {});
    context.onDispose(() => this.child.kill('SIGKILL'));
    context.reports.push(() => `${args.join(' ')}\nstdout: ${this.stdout.slice(-1500)}\nstderr: ${this.stderr.slice(-1500)}`);
  }
}

const shimArgs = (context, url) =>
  ['--cache-dir', context.path('cache'), ...FAST, '--init-timeout', '4s', url];
const mcpServers = (context, url, more = {}) => ({
  mcpServers: { backend: { command: SHIM, args: shimArgs(context, url), ...more } },
});

/** Only once: mcporter takes a file written anew for other settings. */
function writeConfig(context, name, value) {
  const path = context.path(name);
  if (!existsSync(path)) writeFileSync(path, JSON.stringify(value));
  return path;
}

const inspector = (era) => ({
  title: `Inspector, ${era}`,
  era: era === 'legacy' ? 'legacy' : 'modern',
  missing: newerNode(22),
  command: (context, url, ...more) =>
    [NODE, module('@modelcontextprotocol/inspector/clients/launcher/build/index.js'), '--cli', SHIM,
     ...shimArgs(context, url), '--protocol-era', era, '--format', 'json', ...more],
  list(...at) {
    return this.command(...at, '--method', 'tools/list');
  },
  tools: (stdout) => JSON.parse(stdout).result.tools.map((tool) => tool.name),
  call(context, url, tool, args) {
    return this.command(context, url, '--method', 'tools/call', '--tool-name', tool,
                        '--tool-args-json', JSON.stringify(args));
  },
  text: (stdout) => JSON.parse(stdout).result.content[0].text,
});

const mcporter = (title, serverOptions) => ({
  title,
  era: 'legacy',
  missing: newerNode(24),
  command: (context, url, ...more) =>
    [NODE, module('mcporter/dist/cli.js'), '--config',
     writeConfig(context, 'mcporter.json', mcpServers(context, url, serverOptions)), ...more],
  list(...at) {
    return this.command(...at, 'list', 'backend', '--json');
  },
  tools: (stdout) => JSON.parse(stdout).tools.map((tool) => tool.name),
  call(context, url, tool, args) {
    return this.command(context, url, 'call', `backend.${tool}`, '--args', JSON.stringify(args), '--output', 'json');
  },
  text(stdout) {
    const value = JSON.parse(stdout);
    return value?.content ? value.content[0].text : String(value); // a text that is JSON comes as it is
  },
});

export const INSPECTORS = ['legacy', 'auto', 'modern'].map(inspector);
export const MCPORTER = mcporter('mcporter', {});
export const MCPORTER_DAEMON = mcporter('mcporter, kept alive', { lifecycle: 'keep-alive' });

/** Its lists are for people at a terminal only. */
export const MCP_CLI = {
  title: 'mcp-cli',
  era: 'legacy',
  command: (context, url, ...more) =>
    [NODE, module('@wong2/mcp-cli/src/cli.js'), '--config',
     writeConfig(context, 'mcp-cli.json', mcpServers(context, url)), ...more],
  call(context, url, tool, args) {
    return this.command(context, url, 'call-tool', `backend:${tool}`, '--args', JSON.stringify(args));
  },
  text: (stdout) => JSON.parse(stdout).content[0].text,
};

export const OPENCODE = {
  title: 'opencode',
  era: 'legacy',
  missing: existsSync(opencode) ? undefined : 'opencode is installed here for Linux on x64 only',
  command(context, url, ...more) {
    writeConfig(context, 'opencode.json', {
      autoupdate: false,
      share: 'disabled',
      mcp: { backend: { type: 'local', command: [SHIM, ...shimArgs(context, url)] } },
      ...this.config,
    });
    return [opencode, ...more];
  },
};
