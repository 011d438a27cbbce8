#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string_view>

#include "buffer.hpp"

namespace bench {

/// How messages lie in a stream of bytes: as lines or as WebSocket frames.
class Framing {
 public:
  virtual ~Framing() = default;

  virtual void put(Buffer& out, std::string_view message) = 0;

  /// The next whole message of `in`, valid until the next call. What must be answered at once, as
  /// pings must, goes to `out`. Throws std::runtime_error if the other side is wrong or has closed.
  virtual std::optional<std::string_view> next(Buffer& in, Buffer& out) = 0;
};

/// One message a line.
class Lines : public Framing {
 public:
  void put(Buffer& out, std::string_view message) override;
  std::optional<std::string_view> next(Buffer& in, Buffer& out) override;

 private:
  std::size_t taken_ = 0;    // given out by the last call
  std::size_t scanned_ = 0;  // known to hold no line break
};

enum class Role { client, server };

/// One message a text frame, behind the upgrade, which is part of the stream.
std::unique_ptr<Framing> make_websocket(Role role, Buffer& out);

}  // namespace bench
