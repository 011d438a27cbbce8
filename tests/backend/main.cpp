// fake_backend: a real MCP server over WebSocket that can be told to misbehave. See README.md.

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <exception>

#include "server.hpp"

namespace {

/// Everything that matters is flushed as it is written, so there is nothing to wait for, not even
/// in the middle of a `busy` tool.
void exit_now(int) { _exit(0); }

}  // namespace

int main(int argc, char** argv) {
  backend::ServerConfig server;
  backend::McpConfig mcp;
  std::vector<std::string> fault_items;
  std::vector<std::string> fault_methods;

  CLI::App app{"An MCP server over WebSocket, with faults on demand"};
  app.add_option("--port", server.port)->check(CLI::Range(0, 65535));
  app.add_option("--host", server.host);
  app.add_option("--unix", server.unix_path);
  app.add_option("--era", mcp.era)
      ->transform(CLI::CheckedTransformer(
          std::map<std::string, backend::Era>{{"legacy", backend::Era::legacy},
                                              {"modern", backend::Era::modern},
                                              {"dual", backend::Era::dual}}));
  app.add_option("--protocol-version", mcp.protocol_version);
  app.add_option("--force-version", mcp.force_version);
  app.add_option("--server-name", mcp.server_name);
  app.add_option("--server-version", mcp.server_version);
  app.add_option("--extra-tool", mcp.extra_tools)->allow_extra_args(false);
  app.add_option("--page-size", mcp.page_size);
  app.add_flag("--echo-any", mcp.echo_any);
  app.add_option("--subprotocol", server.subprotocol)->expected(0, 1);
  app.add_option("--select-subprotocol", server.select_subprotocol);
  app.add_option("--token", server.token);
  app.add_option("--retry-after", server.retry_after_s);
  app.add_option("--record-headers", server.record_headers);
  app.add_option("--cert", server.cert);
  app.add_option("--key", server.key);
  app.add_option("--client-ca", server.client_ca);
  app.add_option("--journal", server.journal);
  app.add_option("--heartbeat", server.heartbeat_ms)->check(CLI::NonNegativeNumber);
  app.add_option("--first-heartbeat", server.first_heartbeat_ms)->check(CLI::NonNegativeNumber);
  app.add_option("--health-file", server.health_file);
  app.add_option("--health-interval", server.health_interval_ms)->check(CLI::PositiveNumber);
  app.add_option("--fault", fault_items)->allow_extra_args(false);
  app.add_option("--fault-method", fault_methods)->allow_extra_args(false);
  app.add_option("--fault-connections", server.fault_connections)->check(CLI::NonNegativeNumber);
  CLI11_PARSE(app, argc, argv);

  std::signal(SIGTERM, exit_now);
  std::signal(SIGINT, exit_now);
  std::signal(SIGPIPE, SIG_IGN);
  try {
    server.faults = backend::parse_faults(fault_items);
    if (!fault_methods.empty()) server.faults.methods = fault_methods;
    return backend::Server(std::move(server), std::move(mcp)).run();
  } catch (const std::invalid_argument& error) {
    std::fprintf(stderr, "fake_backend: %s\n", error.what());
    return 2;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "fake_backend: %s\n", error.what());
    return 1;
  }
}
