#include "layer_fields.hpp"

#include <fmt/format.h>

#include "neurojoule/core/error.hpp"
#include "neurojoule/core/plain_text.hpp"

#include "layer_text.hpp"

namespace nj::fields {
namespace {

constexpr std::size_t max_name_bytes = 256;

template <std::size_t... index>
std::vector<Operator> defaults(std::index_sequence<index...>) {
  return {Operator(std::in_place_index<index>)...};
}

}  // namespace

std::vector<Operator> all_operators() {
  return defaults(std::make_index_sequence<std::variant_size_v<Operator>>());
}

std::string_view kind_word(const Operator& op) {
  return std::holds_alternative<Conv2d>(op) ? "conv2d" : kind_name(op);
}

std::vector<std::string_view> kind_words() {
  std::vector<std::string_view> words;
  for (const Operator& op : all_operators()) words.push_back(kind_word(op));
  return words;
}

void check_name(const std::string& name) {
  const bool printable = !name_flaw(name);
  if (!name.empty() && name.size() <= max_name_bytes && printable) return;
  throw Error(ErrorKind::config,
              fmt::format("a layer's name has 1..{} bytes of UTF-8 and no control characters",
                          max_name_bytes),
              {.key = printable ? name.substr(0, max_name_bytes) : ""});
}

void check_range(const Field& field, double value, const std::string& layer) {
  if (value >= field.min && value <= field.max) return;
  throw Error(ErrorKind::config,
              fmt::format("{}: expected {}..{}, got {}", field.name, field.min, field.max, value),
              {.key = layer});
}

}  // namespace nj::fields
