#include "shim/commands/opening.hpp"

#include "common/mcp.hpp"

namespace shim {
namespace {

std::string client_info(const std::string& shim_version) {
  return R"({"name":"mcp-ws-shim","version":)" + jsonrpc::quote(shim_version) + "}";
}

}  // namespace

std::string initialize_params(const std::string& shim_version) {
  return R"({"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":)" +
         client_info(shim_version) + "}";
}

MetaMembers modern_meta(const std::string& shim_version) {
  return {{"io.modelcontextprotocol/protocolVersion", jsonrpc::quote(mcp::modern_version)},
          {"io.modelcontextprotocol/clientInfo", client_info(shim_version)},
          {"io.modelcontextprotocol/clientCapabilities", "{}"}};
}

Opening open_session(Client& client, const std::string& shim_version, TimePoint deadline) {
  Opening opening;
  opening.answer = client.ask("initialize", initialize_params(shim_version), deadline);
  if (opening.answer.kind == Client::Answer::Kind::result) {
    client.tell("notifications/initialized");
    opening.era = Era::legacy;
  } else if (opening.answer.kind == Client::Answer::Kind::error &&
             mcp::never_initializes(opening.answer.error_code)) {
    opening.era = Era::modern;
  }
  return opening;
}

}  // namespace shim
