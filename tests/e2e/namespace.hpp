#pragma once

#include <string>
#include <vector>

namespace e2e {

/// A network namespace at the other end of a wire of its own (ip-netns(8), veth(4)): a machine that
/// can vanish without a word. It and all in it are gone with this object.
class Namespace {
 public:
  /// Why this machine lets us make none; empty if it does.
  [[nodiscard]] static std::string obstacle();

  /// Throws std::runtime_error if that fails.
  explicit Namespace();
  ~Namespace();
  Namespace(const Namespace&) = delete;
  Namespace& operator=(const Namespace&) = delete;

  /// Where it is reached.
  [[nodiscard]] std::string address() const { return network_ + ".2"; }
  /// Put before a command, this runs it there.
  [[nodiscard]] std::vector<std::string> enter() const;

  /// From now on every packet is swallowed, in both directions and without a trace: the address is
  /// gone, and the neighbour is known for ever.
  void swallow() const;
  void swallow_no_more() const;
  /// The far end of the wire is down: we cannot even find the neighbour.
  void unplug() const;
  void plug() const;

 private:
  [[nodiscard]] std::vector<std::string> far(std::vector<std::string> command) const;

  std::string name_;     ///< of the namespace and of both ends of the wire
  std::string network_;  ///< its first three bytes; we are .1
};

}  // namespace e2e
