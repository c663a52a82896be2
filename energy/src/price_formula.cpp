#include <string>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "neurojoule/energy/ledger.hpp"

#include "register_file.hpp"
#include "width_segment.hpp"

namespace nj {
namespace {

/// Digits enough to redo the price, and few enough to type.
std::string number(double value) { return fmt::format("{:.7g}", value); }
/// `+ 3` or `- 3`.
std::string signed_number(double value) {
  return (value < 0 ? "- " : "+ ") + number(value < 0 ? -value : value);
}
std::string pj(Picojoules energy) { return number(energy.value()) + " pJ"; }

std::string formula(const FlatPrice& price) { return pj(price.energy) + " at any width"; }

std::string formula(const WidthPrice& price, std::uint32_t width) {
  const auto segment = find_segment(price, width);
  if (!segment) return "";
  const auto& [from, to, rule] = *segment;
  if (from.first == to.first) return fmt::format("listed for {} bits", width);
  const std::string points = fmt::format("{} at {} and {} at {} bits", pj(from.second), from.first,
                                         pj(to.second), to.first);
  if (rule == WidthRule::power_law) {
    return fmt::format("{} x ({} / {})^{}, the power law of {}", pj(from.second), width, from.first,
                       number(segment->exponent()), points);
  }
  if (from.first == 0) {
    return fmt::format("{} x {} / {} bits, proportional below the smallest width", pj(to.second),
                       width, to.first);
  }
  return fmt::format("{} + {} pJ x ({} - {}), the line through {}", pj(from.second),
                     number(segment->slope()), width, from.first, points);
}

std::string formula(const ProductPrice& price, const ActionKey& key) {
  const auto segment = find_values(price, key.value_bits);
  if (!segment) return "";
  const auto& [from, to, share] = *segment;
  std::string first =
      fmt::format("{}, for values of {} bits", formula(from->second, key.width_bits), from->first);
  if (from == to) return first;
  return fmt::format("{}; {}, for {} bits; {} of the way from the one to the other", first,
                     formula(to->second, key.width_bits), to->first, number(share));
}

std::string formula(const SramPrice& price, const MemoryGeometry& memory) {
  const auto [capacity, word, banks] = memory;
  const std::string what =
      fmt::format("{} with words of {} bits", to_string(capacity), word.value());
  if (price.points.count({capacity, word}) > 0) return "listed for " + what;
  const double c =
      static_cast<double>(capacity.value()) / static_cast<double>(price.reference.value());
  std::string per_bit = fmt::format("{} x {}^{} {}", number(price.bit_pj), number(c),
                                    number(price.bit_exponent), signed_number(price.bit_offset_pj));
  if (price.row_pj > 0) {
    per_bit += fmt::format(" + {} x {} rows", number(price.row_pj),
                           number(array_rows(price, capacity, word)));
  }
  return fmt::format("{} x {}^{} {} + {} x ({}) pJ, the formula of {} / {} = {}",
                     number(price.base_pj), number(c), number(price.base_exponent),
                     signed_number(price.base_offset_pj), word.value(), per_bit, what,
                     to_string(price.reference), number(c));
}

std::string formula(const RegisterFilePrice& price, const MemoryGeometry& memory) {
  const std::uint64_t words = register_words(memory);
  return fmt::format("{} bits x {}, registers of {} words", memory.word.value(),
                     pj(register_bit(price, words).value_or(Picojoules{})), words);
}

std::string formula(const BitPrice& price, std::uint32_t width) {
  return fmt::format("{} bits x {}", width, pj(price.energy));
}

std::string formula(const LinkPrice& price, std::uint32_t width) {
  return fmt::format("{} bits x ({} + {} mm x {} per mm)", width, pj(price.per_bit),
                     number(price.length.value() / 1e6), pj(price.per_bit_mm));
}

std::string formula(const LeakagePrice& price, std::uint32_t capacity) {
  std::vector<std::string> parts;
  if (price.per_kib) {
    parts.push_back(fmt::format("{} uW per KiB x {} KiB", number(price.per_kib->value()),
                                number(capacity / 8192.0)));
  }
  if (price.per_unit) parts.push_back(fmt::format("{} uW", number(price.per_unit->value())));
  return fmt::format("({}) x 1 ps; 1 uW x 1 ps = 1e-6 pJ", fmt::join(parts, " + "));
}

std::string formula(const IncludedIn& price) {
  std::vector<std::string_view> names;
  for (const Action action : price.actions) names.push_back(to_string(action));
  return fmt::format("paid with {}", fmt::join(names, ", "));
}

}  // namespace

std::string price_formula(const PriceTable& table, const ActionKey& key,
                          const MachineDescription& machine) {
  const PriceEntry& entry = find_entry(table, key);
  (void)unit_price(entry, key, machine);  // refuses what has no price
  std::string text = std::visit(
      [&](const auto& price) {
        using Kind = std::decay_t<decltype(price)>;
        if constexpr (std::is_same_v<Kind, SramPrice> || std::is_same_v<Kind, RegisterFilePrice>) {
          return formula(price, machine.memories.at(key.component));
        } else if constexpr (std::is_same_v<Kind, ProductPrice>) {
          return formula(price, key);
        } else if constexpr (std::is_same_v<Kind, FlatPrice> || std::is_same_v<Kind, IncludedIn>) {
          return formula(price);
        } else {
          return formula(price, key.width_bits);
        }
      },
      entry.price);
  const double factor = scale_factor(entry, machine, table);
  if (factor != 1.0) {
    text = fmt::format("({}) x {}, from {} to {}", text, number(factor), to_string(table.process),
                       to_string(machine.process));
  }
  return text;
}

}  // namespace nj
