#pragma once

#include <memory>
#include <string_view>
#include <utility>

#include "buffer.hpp"
#include "framing.hpp"

namespace bench {

/// Messages in and out of non-blocking descriptors, which may be the same one. Closes them.
class Stream {
 public:
  Stream(int in, int out) : in_(in), out_(out) {}
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  void use(std::unique_ptr<Framing> framing) { framing_ = std::move(framing); }
  [[nodiscard]] Buffer& outgoing() { return outgoing_; }
  [[nodiscard]] int in() const { return in_; }
  [[nodiscard]] int out() const { return out_; }

  void put(std::string_view message) { framing_->put(outgoing_, message); }
  [[nodiscard]] std::optional<std::string_view> next() {
    return framing_->next(incoming_, outgoing_);
  }

  /// Writes what can be written, reads what is there once. False: the other side has closed.
  bool write_some();
  bool read_some();

  void close_out();

 private:
  int in_;
  int out_;
  std::unique_ptr<Framing> framing_;
  Buffer incoming_;
  Buffer outgoing_;
};

}  // namespace bench
