// Invariant: ids do not depend on how the text was cut, are valid JSON, and are the message's own.

#include "common/id_scanner.hpp"

#include "common/jsonrpc.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace {

namespace jsonrpc = shim::jsonrpc;

shim::IdScanner scan(std::string_view text, std::string_view pattern) {
  shim::IdScanner scanner;
  fuzz::feed_in_pieces(text, pattern, [&](std::string_view piece) { scanner.feed(piece); });
  return scanner;
}

void check_ids(const std::vector<std::string>& ids) {
  SHIM_CHECK(ids.size() <= 4);
  jsonrpc::Reader reader;
  jsonrpc::Message message;
  for (const std::string& id : ids) {
    SHIM_CHECK(id.size() <= 256);
    const std::string answer = jsonrpc::error_answer(id, jsonrpc::parse_error, "");
    SHIM_CHECK(reader.read(answer, message) == jsonrpc::Read::message);
    SHIM_CHECK(message.kind == jsonrpc::Kind::response && message.id == id);
  }
}

/// What can be read needs no scanner, but the scanner must agree.
void check_against_reader(std::string_view text, const shim::IdScanner& scanner) {
  jsonrpc::Reader reader;
  jsonrpc::Message message;
  const bool is_plain = text.find('\\') == std::string_view::npos;  // a key may have two spellings
  if (!is_plain || reader.read(text, message) != jsonrpc::Read::message) return;
  if (text.find('{') != text.find_first_not_of(" \t\r\n")) return;
  const std::string_view id = message.usable_id();
  const bool expected = !id.empty() && id.size() <= 256;
  SHIM_CHECK(scanner.ids().size() == (expected ? 1U : 0U));
  if (expected) SHIM_CHECK(scanner.ids().front() == id);
  if (!message.method.empty()) SHIM_CHECK(scanner.has_method());
}

}  // namespace

/// A line with the lengths of the pieces, the text.
FUZZ_TARGET(id_scanner) {
  fuzz::Bytes bytes(input);
  const std::string_view pattern = bytes.line();
  const std::string_view text = bytes.rest();
  const shim::IdScanner whole = scan(text, {});
  const shim::IdScanner pieces = scan(text, pattern);
  SHIM_CHECK(whole.ids() == pieces.ids());
  SHIM_CHECK(whole.has_method() == pieces.has_method());
  SHIM_CHECK(whole.method() == pieces.method());
  check_ids(whole.ids());
  check_against_reader(text, whole);
}
