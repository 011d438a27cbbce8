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

void check_ids(const std::vector<shim::IdScanner::Found>& found) {
  jsonrpc::Reader reader;
  jsonrpc::Message message;
  for (const shim::IdScanner::Found& one : found) {
    SHIM_CHECK(one.ids.size() <= 4);
    for (const std::string& id : one.ids) {
      SHIM_CHECK(id.size() <= shim::IdScanner::id_bytes_max);
      const std::string answer = jsonrpc::error_answer(id, jsonrpc::parse_error, "");
      SHIM_CHECK(reader.read(answer, message) == jsonrpc::Read::message);
      SHIM_CHECK(message.kind == jsonrpc::Kind::response && message.id == id);
    }
  }
}

/// What can be read needs no scanner, but the scanner must agree.
void check_against_reader(std::string_view text, const shim::IdScanner& scanner) {
  if (text.find('\\') != std::string_view::npos) return;  // a key may have two spellings
  jsonrpc::Reader reader;
  jsonrpc::Message message;
  std::vector<std::string_view> texts;
  switch (reader.read(text, message)) {
    case jsonrpc::Read::message: texts = {text}; break;
    case jsonrpc::Read::batch: texts = reader.elements(); break;
    case jsonrpc::Read::refused:
    case jsonrpc::Read::invalid: return;
  }
  std::vector<std::string> expected;
  for (const std::string_view one : texts) {
    const auto read = reader.read(one, message);
    if (read == jsonrpc::Read::refused) return;
    if (read != jsonrpc::Read::message) continue;
    const std::string_view id = message.usable_id();
    if (!id.empty() && id.size() <= shim::IdScanner::id_bytes_max) expected.emplace_back(id);
  }
  std::vector<std::string> ids;
  for (const shim::IdScanner::Found& found : scanner.messages())
    ids.insert(ids.end(), found.ids.begin(), found.ids.end());
  SHIM_CHECK(ids == expected);
}

}  // namespace

/// A line with the lengths of the pieces, the text.
FUZZ_TARGET(id_scanner) {
  fuzz::Bytes bytes(input);
  const std::string_view pattern = bytes.line();
  const std::string_view text = bytes.rest();
  const shim::IdScanner whole = scan(text, {});
  const shim::IdScanner pieces = scan(text, pattern);
  SHIM_CHECK(whole.messages() == pieces.messages());
  check_ids(whole.messages());
  check_against_reader(text, whole);
}
