// What all cases share: processes, bounded waits, temporary directories, the fake backend.

import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

function binary(name) {
  const path = process.env[name];
  if (!path || !existsSync(path)) {
    console.error(`${name} must name the binary (is: ${path ?? 'unset'})`);
    process.exit(2);
  }
  return resolve(path);
}

export const SHIM = binary('SHIM');
export const FAKE_BACKEND = binary('FAKE_BACKEND');

export const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

/** The promise, or an error that says what was waited for. */
export async function within(ms, promise, what) {
  let timer;
  const timeout = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not within ${ms} ms: ${what}`)), ms);
  });
  try {
    return await Promise.race([promise, timeout]);
  } finally {
    clearTimeout(timer);
  }
}

/** Waits until the condition gives something true, and returns that. */
export async function until(ms, condition, what) {
  const end = performance.now() + ms;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (performance.now() > end) throw new Error(`not within ${ms} ms: ${what}`);
    await sleep(10);
  }
}

/** Runs the function and returns [its value, the milliseconds it took]. */
export async function timed(run) {
  const start = performance.now();
  const value = await run();
  return [value, performance.now() - start];
}

export function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** The processes with this text on their command line (Linux; elsewhere none is found). */
export function processesWith(text) {
  if (!existsSync('/proc/self/cmdline')) return [];
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(text);
      } catch {
        return false;  // it has just ended
      }
    })
    .map(Number);
}

export async function freePort() {
  const server = createServer();
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address();
  await new Promise((done) => server.close(done));
  return port;
}

/** What one case uses; everything in it is gone after dispose(). */
export class Context {
  constructor() {
    this.dir = mkdtempSync(join(tmpdir(), 'mcp-ws-shim-sdk-'));
    this.disposers = [];
    this.reports = [];  // functions that give text for a failed case
  }

  path(name) {
    return join(this.dir, name);
  }

  onDispose(dispose) {
    this.disposers.push(dispose);
  }

  async dispose() {
    let failure;
    for (const dispose of this.disposers.reverse()) {
      try {
        await dispose();
      } catch (error) {
        failure ??= error;  // the others have something to end, too
      }
    }
    const orphans = processesWith(this.dir);
    for (const pid of orphans) {
      if (isAlive(pid)) process.kill(pid, 'SIGKILL');
    }
    rmSync(this.dir, { recursive: true, force: true });
    if (failure) throw failure;
    if (orphans.length > 0) throw new Error(`left behind: processes ${orphans.join(', ')}`);
  }
}

let backends = 0;

/** One address at which fake backends come and go. */
export class Backend {
  constructor(context, options = []) {
    this.context = context;
    this.options = options;
    this.port = 0;
    this.runs = 0;
    this.name = `backend-${++backends}`;
    context.onDispose(() => this.kill());
  }

  get url() {
    if (this.port === 0) throw new Error('reserve() or start() comes first');
    return `ws://127.0.0.1:${this.port}/mcp`;
  }

  /** Makes the address known before there is a backend. */
  async reserve() {
    this.port = await freePort();
    return this;
  }

  async start(...more) {
    if (this.child) throw new Error('is running');
    const args = ['--port', String(this.port), '--journal', this.journalPath(this.runs++)];
    const child = spawn(FAKE_BACKEND, [...args, ...this.options, ...more], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.child = child;
    this.ended = new Promise((done) => child.once('close', done));
    const port = new Promise((done, fail) => {
      let text = '';
      child.once('error', fail);
      child.once('close', (code) => fail(new Error(`the backend ended with ${code}`)));
      child.stdout.on('data', (chunk) => {
        text += chunk;
        const found = /^listening (\d+)$/m.exec(text);
        if (found) done(Number(found[1]));
      });
    });
    this.port = await within(5000, port, 'the backend listens');
    return this;
  }

  signal(name) {
    process.kill(this.child.pid, name);
  }

  async kill() {
    if (!this.child) return;
    this.child.kill('SIGKILL');
    await within(5000, this.ended, 'the backend is dead');
    this.child = undefined;
  }

  async restart(...more) {
    await this.kill();
    return this.start(...more);
  }

  journalPath(run) {
    return this.context.path(`${this.name}-journal-${run}`);
  }

  /** The journal of one run, by default of the last one. A line half written at a kill is left out. */
  journal(run = this.runs - 1) {
    const path = this.journalPath(run);
    if (!existsSync(path)) return [];
    return readFileSync(path, 'utf8')
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line));
  }

  /** The messages of this method that came in during one run. */
  received(method, run) {
    return this.journal(run)
      .map((line) => line.message)
      .filter((message) => message?.method === method);
  }

  /** The ids with which a tool was executed, of one run or of all. */
  executed(tool, run) {
    const runs = run === undefined ? [...Array(this.runs).keys()] : [run];
    return runs.flatMap((n) => this.journal(n)).filter((line) => line.executed === tool).map((line) => line.id);
  }
}
