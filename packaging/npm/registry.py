#!/usr/bin/env python3
"""An npm registry on this machine that holds one package, for tests.

Prints "listening PORT". Ends with SIGTERM.
"""

import argparse
import base64
import hashlib
import json
import tarfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("package", help="what `npm pack` made")
    path = parser.parse_args().package

    with open(path, "rb") as file:
        content = file.read()
    with tarfile.open(path) as archive:
        manifest = json.load(archive.extractfile("package/package.json"))
    digest = base64.b64encode(hashlib.sha512(content).digest()).decode()
    name, version = manifest["name"], manifest["version"]

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            if self.path == f"/{name}":
                host, port = self.server.server_address
                manifest["dist"] = {
                    "tarball": f"http://{host}:{port}/{name}/-/{name}-{version}.tgz",
                    "integrity": f"sha512-{digest}",
                }
                body = json.dumps(
                    {
                        "name": name,
                        "dist-tags": {"latest": version},
                        "versions": {version: manifest},
                    }
                ).encode()
            elif self.path == f"/{name}/-/{name}-{version}.tgz":
                body = content
            else:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(f"listening {server.server_address[1]}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
