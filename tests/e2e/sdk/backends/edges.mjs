// nginx and HAProxy as people put them before a backend: TLS at the edge, WebSockets passed on, idle
// connections cut. Run as this user, on a port of loopback, from configurations written here.

import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { Daemon } from '../daemon.mjs';

/** An idle connection is cut after this; in life it is 20 s to 60 s. */
export const IDLE_MS = 3000;
/** How long a replaced configuration may still serve its connections; in life minutes. */
export const RELOAD_MS = 2000;

const find = (...paths) => paths.find((path) => existsSync(path));

/** A certificate authority of the case's own, and a certificate for localhost. */
function makeCertificates(context) {
  const openssl = (...args) => execFileSync('openssl', args, { cwd: context.dir, stdio: 'pipe' });
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  openssl('req', '-x509', ...newKey, '-subj', '/CN=test CA', '-keyout', 'ca.key', '-out', 'ca.pem');
  openssl('req', '-x509', ...newKey, '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost',
          '-addext', 'basicConstraints=critical,CA:false', '-CA', 'ca.pem', '-CAkey', 'ca.key',
          '-keyout', 'edge.key', '-out', 'edge.pem');
}

class Edge {
  /** @param ports of the backends: the first is in use, the others wait */
  constructor(context, ports) {
    this.context = context;
    this.ports = ports;
    this.dir = context.path(`edge-${new.target.title}`);
    this.daemon = new Daemon(context, new.target.title, (port) => {
      this.configure(port);
      return this.command();
    });
  }

  get url() {
    return `wss://localhost:${this.daemon.port}/mcp`;
  }

  /** The flags with which the shim trusts it. */
  get shimArgs() {
    return ['--ca-file', this.context.path('ca.pem')];
  }

  async start() {
    if (!existsSync(this.dir)) {
      mkdirSync(this.dir);
      makeCertificates(this.context);
    }
    await this.daemon.start();
    return this;
  }

  configure(port = this.daemon.port) {
    writeFileSync(join(this.dir, 'edge.conf'), this.config(port));
  }

  /** From now on new connections go to this backend; those that there are stay for RELOAD_MS. */
  reload(ports = this.ports) {
    this.ports = ports;
    this.configure();
    this.daemon.signal(this.constructor.reloadSignal);
  }
}

export class Nginx extends Edge {
  static title = 'nginx';
  static program = find('/usr/sbin/nginx', '/usr/local/sbin/nginx');
  static missing = Nginx.program ? undefined : 'nginx is not installed (Debian: nginx)';
  static reloadSignal = 'SIGHUP';

  command() {
    return [Nginx.program, '-p', this.dir, '-e', 'error.log', '-c', 'edge.conf'];
  }

  config(port) {
    const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
    return `
daemon off;
worker_processes 1;
pid nginx.pid;
worker_shutdown_timeout ${RELOAD_MS}ms;
events {}
http {
  access_log off;
  ${temporary.map((name) => `${name}_temp_path ${name};`).join('\n  ')}
  map $http_upgrade $connection_upgrade { default upgrade; '' close; }
  server {
    listen 127.0.0.1:${port} ssl http2;
    server_name localhost;
    ssl_certificate ${this.context.path('edge.pem')};
    ssl_certificate_key ${this.context.path('edge.key')};
    location /mcp {
      proxy_pass http://127.0.0.1:${this.ports[0]};
      proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $connection_upgrade;
      proxy_set_header Host $host;
      proxy_read_timeout ${IDLE_MS}ms;
      proxy_send_timeout ${IDLE_MS}ms;
    }
  }
}
`;
  }
}

export class HAProxy extends Edge {
  static title = 'HAProxy';
  static program = find('/usr/sbin/haproxy', '/usr/local/sbin/haproxy');
  static missing = HAProxy.program ? undefined : 'HAProxy is not installed (Debian: haproxy)';
  static reloadSignal = 'SIGUSR2';

  command() {
    execFileSync('sh', ['-c', 'cat edge.pem edge.key > both.pem'], { cwd: this.context.dir });
    return [HAProxy.program, '-W', '-db', '-f', join(this.dir, 'edge.conf')];
  }

  config(port) {
    return `
global
  hard-stop-after ${RELOAD_MS}ms
defaults
  mode http
  timeout connect 1s
  timeout client ${IDLE_MS}ms
  timeout server ${IDLE_MS}ms
  timeout tunnel ${IDLE_MS}ms
frontend edge
  bind 127.0.0.1:${port} ssl crt ${this.context.path('both.pem')} alpn h2,http/1.1
  default_backend daemons
backend daemons
  server daemon 127.0.0.1:${this.ports[0]}
`;
  }
}

export const EDGES = [Nginx, HAProxy];
