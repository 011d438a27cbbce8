#include <cstring>

#include "framing.hpp"

namespace bench {

void Lines::put(Buffer& out, std::string_view message) {
  out.append(message);
  out.append("\n");
}

std::optional<std::string_view> Lines::next(Buffer& in, Buffer& /*out*/) {
  in.consume(taken_);
  taken_ = 0;
  const std::string_view bytes = in.view();
  const auto end = bytes.find('\n', scanned_);
  if (end == std::string_view::npos) {
    scanned_ = bytes.size();
    return std::nullopt;
  }
  scanned_ = 0;
  taken_ = end + 1;
  return bytes.substr(0, end);
}

}  // namespace bench
