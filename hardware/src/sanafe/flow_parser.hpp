#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_set>

#include "text_tree.hpp"

namespace nj::sanafe {

inline constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";
inline bool is_space(char c) { return c == ' ' || c == '\t'; }

/// What the parsers of a file have in common: tokens, words, flow maps and lists, and nodes of the
/// tree. Between calls, `at_` is the first byte of the next token.
class FlowParser {
  TextTree& tree_;

 protected:
  using Node = TextTree::Node;
  using Kind = TextTree::Kind;
  static constexpr std::uint32_t none = TextTree::none;
  /// Of one value.
  struct Word {
    std::size_t begin = 0;
    std::size_t size = 0;
    bool unescaped = false;
  };

  explicit FlowParser(TextTree& tree) : tree_(tree), text_(tree.text_) {}

  [[nodiscard]] bool at_end() const { return at_ == text_.size(); }
  [[nodiscard]] std::string_view rest() const { return text_.substr(at_); }
  [[nodiscard]] char peek(std::size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\n';
  }
  /// Whether the rest of the line is blank or a comment.
  [[nodiscard]] bool at_line_end() const;
  void skip_spaces() {
    while (!at_end() && is_space(text_[at_])) ++at_;
  }
  void skip_line();
  void skip_byte_order_mark() {
    if (text_.starts_with(byte_order_mark)) at_ = line_ = byte_order_mark.size();
  }
  /// To the next token, over blanks, comments and line ends.
  void next_token();
  [[noreturn]] void fail(std::size_t place, const std::string& message,
                         ErrorKind kind = ErrorKind::config) const;

  [[nodiscard]] Node& node(std::uint32_t index) { return tree_.nodes_[index]; }
  std::uint32_t add(std::uint32_t parent, std::size_t begin);
  /// Adds a child behind the last one.
  std::uint32_t append(std::uint32_t parent, std::uint32_t& last, std::size_t begin);
  /// A word that is not in the file.
  Word keep(std::string word);
  void set_key(std::uint32_t index, const Word& word);
  void set_value(std::uint32_t index, const Word& word);

  /// Finds keys that a map has twice.
  class Keys {
   public:
    Keys(const FlowParser& parser, std::uint32_t map) : parser_(parser), map_(map) {}
    void check(std::uint32_t entry, std::size_t place);

   private:
    const FlowParser& parser_;
    std::uint32_t map_;
    std::unordered_set<std::string_view> set_;
  };

  /// Throws where the file is nested too deep; each has its `--depth_`.
  void deeper();
  /// Whether a word and a colon are next. Leaves `at_` alone.
  bool at_key();
  Word word(bool flow) { return peek() == '"' || peek() == '\'' ? quoted() : plain(flow); }
  /// A word, or a flow map or list; the word of what `flow` says.
  void inline_value(std::uint32_t index, bool flow);

  std::string_view text_;  ///< of the file
  std::size_t at_ = 0;
  std::size_t line_ = 0;  ///< first byte of the line of `at_`
  int depth_ = 0;

 private:
  void refuse_indicator() const;
  Word quoted();
  Word plain(bool flow);
  bool open_flow(char close);
  bool next_in_flow(std::size_t open, char close);
  void flow_sequence(std::uint32_t index);
  void flow_pair(std::uint32_t element);
  void flow_map(std::uint32_t index);
};

}  // namespace nj::sanafe
