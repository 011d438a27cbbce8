#include "report.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

namespace bench {
namespace {

/// The value below which this share of the samples lies, between neighbours where there is no such.
double quantile(std::vector<double> samples, double share) {
  std::ranges::sort(samples);
  const double at = share * static_cast<double>(samples.size() - 1);
  const auto below = static_cast<std::size_t>(at);
  const auto above = std::min(below + 1, samples.size() - 1);
  return samples[below] + (samples[above] - samples[below]) * (at - std::floor(at));
}

/// Three digits that matter, all digits of larger numbers.
std::string number(double value) {
  std::array<char, 32> text{};
  const double size = std::abs(value);
  const int digits = size >= 99.95 ? 0 : size >= 9.995 ? 1 : size >= 0.9995 ? 2 : 3;
  std::snprintf(text.data(), text.size(), "%.*f", digits, value);
  return text.data();
}

template <typename List>
void name(List& list, const std::string& text) {
  if (std::ranges::find(list, text) == list.end()) list.push_back(text);
}

}  // namespace

const Report::Cell* Report::Table::find(const std::string& row, const std::string& column) const {
  const auto cell = std::ranges::find_if(
      cells, [&](const Cell& each) { return each.row == row && each.column == column; });
  return cell == cells.end() ? nullptr : &*cell;
}

void Report::add(const std::string& table, const std::string& row, const std::string& column,
                 double sample) {
  auto found = std::ranges::find(tables_, table, &Table::title);
  if (found == tables_.end()) {
    tables_.push_back({table, {}, {}, {}});
    found = tables_.end() - 1;
  }
  name(found->rows, row);
  name(found->columns, column);
  for (auto& cell : found->cells) {
    if (cell.row == row && cell.column == column) {
      cell.samples.push_back(sample);
      return;
    }
  }
  found->cells.push_back({row, column, {sample}});
}

void Report::note(const std::string& text) { name(notes_, text); }

bool Report::has_failures() const {
  return std::ranges::any_of(notes_, [](const auto& note) { return note.starts_with("FAILED"); });
}

std::optional<double> Report::median(const std::string& table, const std::string& row,
                                     const std::string& column) const {
  const auto found = std::ranges::find(tables_, table, &Table::title);
  const Cell* cell = found == tables_.end() ? nullptr : found->find(row, column);
  if (cell == nullptr) return std::nullopt;
  return quantile(cell->samples, 0.5);
}

std::optional<double> Report::ratio(const Table& table, const Cell& cell) const {
  const auto base = median(table.title, base_, cell.column);
  const double middle = quantile(cell.samples, 0.5);
  if (plain_.contains(table.title) || !base || *base <= 0 || middle < 0) return std::nullopt;
  return middle / *base;
}

std::string Report::cell_text(const Table& table, const std::string& row,
                              const std::string& column) const {
  const Cell* cell = table.find(row, column);
  if (cell == nullptr) return "";
  const double middle = quantile(cell->samples, 0.5);
  std::string text = number(middle);
  if (cell->samples.size() > 1) {
    const auto [low, high] = std::ranges::minmax(cell->samples);
    text += " (" + number(low) + "–" + number(high) + ")";
  }
  const auto to_base = ratio(table, *cell);
  if (row != base_ && to_base) text += " ×" + number(*to_base);
  return text;
}

std::string Report::markdown() const {
  std::string text;
  for (const auto& table : tables_) {
    text += "\n### " + table.title + "\n\n|";
    std::string line = "\n|---|";
    for (const auto& column : table.columns) {
      text += " | " + column;
      line += "---|";
    }
    text += " |" + line + "\n";
    for (const auto& row : table.rows) {
      text += "| " + row;
      for (const auto& column : table.columns) text += " | " + cell_text(table, row, column);
      text += " |\n";
    }
  }
  if (!notes_.empty()) text += "\n";
  for (const auto& note : notes_) text += "- " + note + "\n";
  return text;
}

nlohmann::ordered_json Report::json() const {
  auto tables = nlohmann::ordered_json::array();
  for (const auto& table : tables_) {
    auto cells = nlohmann::ordered_json::array();
    for (const auto& cell : table.cells) {
      const auto [low, high] = std::ranges::minmax(cell.samples);
      const double middle = quantile(cell.samples, 0.5);
      nlohmann::ordered_json entry{
          {"row", cell.row},
          {"column", cell.column},
          {"median", middle},
          {"min", low},
          {"max", high},
          {"quartiles", {quantile(cell.samples, 0.25), quantile(cell.samples, 0.75)}},
          {"samples", cell.samples}};
      if (const auto to_base = ratio(table, cell)) entry["ratio"] = *to_base;
      cells.push_back(entry);
    }
    tables.push_back({{"title", table.title}, {"cells", cells}});
  }
  return {{"ratios_to", base_}, {"tables", tables}, {"notes", notes_}};
}

}  // namespace bench
