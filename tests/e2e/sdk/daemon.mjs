// A server process that comes and goes at one port, with whatever children it has.

import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';

import { freePort, until, within } from './harness.mjs';

function listens(port) {
  return new Promise((done) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('error', () => done(false));
    socket.once('connect', () => {
      socket.destroy();
      done(true);
    });
  });
}

/** Whether a process of this group runs; one that has ended and was not waited for does not count. */
function groupRuns(group) {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .some((pid) => {
      try {
        const [state, , pgrp] = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /s, '').split(' ');
        return Number(pgrp) === group && state !== 'Z';
      } catch {
        return false; // it has just ended
      }
    });
}

export class Daemon {
  /** `command(port, ...more)` gives the program and its arguments; `more` is what start() was given. */
  constructor(context, title, command) {
    this.title = title;
    this.command = command;
    this.port = 0;
    this.output = '';
    this.env = { ...process.env, HOME: context.dir };
    context.reports.push(() => `${title}:\n${this.output.split('\n').slice(-20).join('\n')}`);
    context.onDispose(() => this.kill());
  }

  get url() {
    return `ws://127.0.0.1:${this.port}/mcp`;
  }

  async reserve() {
    this.port ||= await freePort();
    return this;
  }

  async start(...more) {
    if (this.child) throw new Error(`${this.title} is running`);
    await this.reserve();
    const [program, ...args] = this.command(this.port, ...more);
    // Detached: a process group, so that its children can be ended with it.
    const child = spawn(program, args.map(String), { detached: true, env: this.env, stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (this.output += chunk));
    this.child = child;
    this.ended = new Promise((done) => {
      child.once('exit', () => done('exit'));
      child.once('error', (error) => done(error.message));
    });
    let over;
    this.ended.then((why) => (over = why));
    await until(
      30000,
      () => {
        if (over) throw new Error(`${this.title} ended (${over}): ${this.output.slice(-500)}`);
        return listens(this.port);
      },
      `${this.title} listens`,
    );
    return this;
  }

  signal(name) {
    process.kill(this.child.pid, name);
  }

  signalGroup(name) {
    try {
      process.kill(-this.child.pid, name);
    } catch {
      // nobody is left
    }
  }

  /** Ends the whole group: with this signal, and with SIGKILL what is left when the leader is gone. */
  async kill(signal = 'SIGKILL') {
    const { pid } = this.child ?? {};
    if (!pid) return;
    this.signalGroup(signal);
    try {
      await within(5000, this.ended, `${this.title} ends on ${signal}`);
    } finally {
      this.signalGroup('SIGKILL');
      this.child = undefined;
      await until(5000, () => !groupRuns(pid), `the children of ${this.title} have ended`);
    }
  }

  async restart(...more) {
    await this.kill();
    return this.start(...more);
  }
}
