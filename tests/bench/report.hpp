#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace bench {

/// Samples in tables whose rows and columns appear in the order in which they are first named.
class Report {
 public:
  /// Ratios are to the row `base`.
  explicit Report(std::string base) : base_(std::move(base)) {}

  /// `unit` is of the whole table; it belongs into the title where columns differ.
  void add(const std::string& table, const std::string& row, const std::string& column,
           double sample);
  /// For a table whose figures are not in proportion to anything.
  void without_ratios(const std::string& table) { plain_.insert(table); }
  void note(const std::string& text);
  void failure(const std::string& contestant, const std::string& what, const std::string& why) {
    note("FAILED: " + contestant + ", " + what + ": " + why);
  }
  [[nodiscard]] bool has_failures() const;

  [[nodiscard]] std::optional<double> median(const std::string& table, const std::string& row,
                                             const std::string& column) const;
  [[nodiscard]] std::string markdown() const;
  [[nodiscard]] nlohmann::ordered_json json() const;

 private:
  struct Cell {
    std::string row;
    std::string column;
    std::vector<double> samples;
  };
  struct Table {
    std::string title;
    std::vector<std::string> rows;
    std::vector<std::string> columns;
    std::vector<Cell> cells;

    [[nodiscard]] const Cell* find(const std::string& row, const std::string& column) const;
  };

  [[nodiscard]] std::optional<double> ratio(const Table& table, const Cell& cell) const;
  [[nodiscard]] std::string cell_text(const Table& table, const std::string& row,
                                      const std::string& column) const;

  std::string base_;
  std::vector<Table> tables_;
  std::set<std::string> plain_;  // titles of tables without ratios
  std::vector<std::string> notes_;
};

}  // namespace bench
