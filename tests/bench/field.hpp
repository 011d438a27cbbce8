#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "bench.hpp"

namespace bench {

/// One running session of each contestant that is a process of its own, for what takes a while and
/// can be waited for together. One that fails is named in the report and left out from then on.
class Field {
 public:
  Field(Bench& bench, std::string what);

  using Step = std::function<void(Session&, const std::string& name)>;
  void each(const Step& step);

 private:
  struct Entry {
    std::string name;
    std::unique_ptr<Session> session;
  };

  Bench& bench_;
  std::string what_;
  std::vector<Entry> entries_;
};

}  // namespace bench
