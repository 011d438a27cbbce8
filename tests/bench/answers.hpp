#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "stream.hpp"

namespace bench {

/// What the echo backend does with the messages of one connection. It reads them as text, without a
/// parser: it knows who writes them (messages.hpp), and contestants may at most reorder members.
///
/// | tool  | answer |
/// |-------|--------|
/// | echo  | its text |
/// | count | how many notifications have come since it was last called |
/// | flood | itself, behind `count` notifications with a text of `size` bytes |
/// | hold  | nothing until `release` is called, then its text |
/// | openings | how many connections of this process have sent notifications/initialized |
/// | drop  | none: the connection is closed |
class Answers {
 public:
  /// False: the connection is to be closed.
  bool handle(std::string_view message, Stream& stream);

  /// More of a flood, as long as little waits to be sent.
  void continue_flood(Stream& stream);
  [[nodiscard]] bool is_flooding() const { return flood_left_ > 0; }

 private:
  bool call(std::string_view message, std::string_view id, Stream& stream);
  void start_flood(std::string_view message, std::string_view id);
  void answer(Stream& stream, std::string_view id, std::string_view text);

  static inline std::size_t openings_ = 0;
  std::size_t notifications_ = 0;
  std::vector<std::string> held_;
  std::size_t flood_left_ = 0;
  std::string flood_message_;
  std::string flood_id_;
  std::string scratch_;
};

}  // namespace bench
