// What is done to each byte of a message on its way through the shim, by length of the message.

#include <benchmark/benchmark.h>

#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "common/check.hpp"
#include "common/jsonrpc.hpp"
#include "common/line_framer.hpp"
#include "shim/io/ws_frame.hpp"

namespace shim {
namespace {

constexpr std::size_t read_bytes = std::size_t{64}
                                   << 10U;  // as much as is read from a pipe at once

std::size_t length_of(const benchmark::State& state) {
  return static_cast<std::size_t>(state.range(0));
}

/// A message of `bytes` bytes whose text is prose with quotes, line breaks and some Unicode in it.
std::string message(std::size_t bytes, std::string_view head, std::string_view tail) {
  constexpr std::string_view prose = R"(He said \"no\".\n\tÄpfel, 1.5 kg; {not: [JSON]} )";
  std::string out(head);
  while (out.size() + tail.size() + prose.size() <= bytes) out += prose;
  out.resize(bytes - tail.size(), 'x');
  return out.append(tail);
}

std::string call(std::size_t bytes) {
  return message(bytes,
                 R"({"jsonrpc":"2.0","id":17,"method":"tools/call","params":{"name":"echo",)"
                 R"("arguments":{"text":")",
                 R"("},"_meta":{"progressToken":17}}})");
}

std::string answer(std::size_t bytes) {
  return message(bytes, R"({"jsonrpc":"2.0","id":17,"result":{"content":[{"type":"text","text":")",
                 R"("}]}})");
}

/// The same length in short members, which is the most work for a parser: a list of tools.
std::string listing(std::size_t bytes) {
  constexpr std::string_view tool =
      R"({"name":"t1","inputSchema":{"type":"object","properties":{"a":{"type":"number"}}}},)";
  std::string out = R"({"jsonrpc":"2.0","id":17,"result":{"tools":[)";
  constexpr std::string_view tail = R"({}]}})";
  while (out.size() + tool.size() + tail.size() <= bytes) out += tool;
  out.append(bytes - tail.size() - out.size(), ' ');
  return out.append(tail);
}

void framer(benchmark::State& state) {
  std::string stream;
  const std::string line = call(length_of(state)) + '\n';
  while (stream.size() < read_bytes) stream += line;
  LineFramer framer(std::size_t{64} << 20U);
  std::string out;
  std::size_t lines = 0;
  for ([[maybe_unused]] auto _ : state) {
    for (std::string_view rest = stream; !rest.empty();) {
      const std::string_view chunk = rest.substr(0, read_bytes);
      std::memcpy(framer.space(read_bytes).data(), chunk.data(), chunk.size());
      framer.commit(chunk.size());
      while (framer.pull(out) == LineFramer::Pull::line) ++lines;
      rest.remove_prefix(chunk.size());
    }
  }
  const auto expected =
      static_cast<std::size_t>(state.iterations()) * (stream.size() / line.size());
  SHIM_CHECK(lines == expected);
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(stream.size()));
}

void classifier(benchmark::State& state, std::string (*make)(std::size_t), jsonrpc::Kind kind) {
  const std::string text = make(length_of(state));
  jsonrpc::Reader reader;
  jsonrpc::Message found;
  for ([[maybe_unused]] auto _ : state) {
    const auto read = reader.read(text, found);
    SHIM_CHECK(read == jsonrpc::Read::message && found.kind == kind && found.id == "17");
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
}

/// An id of ours instead of the backend's, of another length.
void splice(benchmark::State& state) {
  const std::string text = call(length_of(state));
  const std::string_view id = std::string_view(text).substr(text.find("17"), 2);
  for ([[maybe_unused]] auto _ : state) {
    benchmark::DoNotOptimize(jsonrpc::splice(text, id, "\"mcp-ws-shim-4711\""));
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
}

void flatten(benchmark::State& state) {
  std::string text = answer(length_of(state));
  for ([[maybe_unused]] auto _ : state) {
    jsonrpc::flatten(text);
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
}

void mask(benchmark::State& state) {
  const std::string text = call(length_of(state));
  std::vector<unsigned char> frame(frame_header_bytes_max + text.size());
  MaskSource masks;
  for ([[maybe_unused]] auto _ : state) {
    benchmark::DoNotOptimize(write_frame(frame.data(), Opcode::text, true, text, masks.next()));
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
}

void lengths(benchmark::internal::Benchmark* which) {
  for (const int bytes : {200, 4 << 10, 64 << 10, 1 << 20}) which->Arg(bytes);
}

BENCHMARK(framer)->Apply(lengths);
BENCHMARK_CAPTURE(classifier, call, call, jsonrpc::Kind::request)->Apply(lengths);
BENCHMARK_CAPTURE(classifier, answer, answer, jsonrpc::Kind::response)->Apply(lengths);
BENCHMARK_CAPTURE(classifier, listing, listing, jsonrpc::Kind::response)->Apply(lengths);
BENCHMARK(splice)->Apply(lengths);
BENCHMARK(flatten)->Apply(lengths);
BENCHMARK(mask)->Apply(lengths);

}  // namespace
}  // namespace shim
