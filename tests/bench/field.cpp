#include "field.hpp"

#include <exception>
#include <utility>

namespace bench {

Field::Field(Bench& bench, std::string what) : bench_(bench), what_(std::move(what)) {
  bench.interleaved(what_, 1, [&](const Contestant& contestant, int) {
    if (!contestant.is_direct()) entries_.push_back({contestant.name, bench.start(contestant)});
  });
}

void Field::each(const Step& step) {
  std::erase_if(entries_, [&](const Entry& entry) {
    try {
      step(*entry.session, entry.name);
      return false;
    } catch (const std::exception& problem) {
      bench_.report.failure(entry.name, what_, problem.what());
      return true;
    }
  });
}

}  // namespace bench
