#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace nj {

/// A plain table: the first `left` columns left-aligned, the others right-aligned.
class TextTable {
 public:
  TextTable(std::vector<std::string> header, std::size_t left) : left_(left) {
    add(std::move(header));
  }

  void add(std::vector<std::string> cells) {
    widths_.resize(std::max(widths_.size(), cells.size()));
    for (std::size_t i = 0; i < cells.size(); ++i)
      widths_[i] = std::max(widths_[i], cells[i].size());
    rows_.push_back(std::move(cells));
  }

  [[nodiscard]] std::string render() const {
    std::string text;
    for (std::size_t r = 0; r < rows_.size(); ++r) {
      std::string line;
      for (std::size_t i = 0; i < rows_[r].size(); ++i) {
        const std::string padding(widths_[i] - rows_[r][i].size(), ' ');
        if (i != 0) line += "  ";
        line += i < left_ ? rows_[r][i] + padding : padding + rows_[r][i];
      }
      text += line.substr(0, line.find_last_not_of(' ') + 1) + '\n';
      if (r == 0) text += rule();
    }
    return text;
  }

 private:
  [[nodiscard]] std::string rule() const {
    std::size_t width = widths_.empty() ? 0 : 2 * (widths_.size() - 1);
    for (const std::size_t w : widths_) width += w;
    return std::string(width, '-') + '\n';
  }

  std::size_t left_;
  std::vector<std::size_t> widths_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace nj
