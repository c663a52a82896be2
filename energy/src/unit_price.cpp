#include <algorithm>
#include <bit>
#include <cmath>

#include <fmt/format.h>

#include "neurojoule/energy/price_table.hpp"

#include "register_file.hpp"
#include "width_segment.hpp"

namespace nj {
namespace {

constexpr double bits_per_kib = 8192.0;
constexpr double nm_per_mm = 1e6;
constexpr double pj_per_uw_ps = 1e-6;  // 1 uW x 1 ps = 1e-6 J/s x 1e-12 s = 1e-18 J = 1e-6 pJ

template <class... Visitors>
struct Overloaded : Visitors... {
  using Visitors::operator()...;
};
template <class... Visitors>
Overloaded(Visitors...) -> Overloaded<Visitors...>;

/// True when `text` matches `pattern`, where `*` stands for any run of characters.
bool matches(std::string_view pattern, std::string_view text) {
  std::size_t p = 0;
  std::size_t t = 0;
  std::size_t star = std::string_view::npos;
  std::size_t resume = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = t;
    } else if (p < pattern.size() && pattern[p] == text[t]) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

/// 3 for the component's own name, 2 for a pattern, 1 for any component, 0 for no match.
int specificity(const PriceEntry& entry, const std::string& component) {
  if (entry.component.empty()) return 1;
  if (entry.component.find('*') == std::string::npos) return entry.component == component ? 3 : 0;
  return matches(entry.component, component) ? 2 : 0;
}

std::string describe(const ActionKey& key) {
  const std::string by = key.value_bits == 0 ? "" : fmt::format(" x {}", key.value_bits);
  return fmt::format("{} {} at {}{} bits", key.component, to_string(key.action), key.width_bits,
                     by);
}

[[noreturn]] void refuse(const PriceEntry& entry, const ActionKey& key, const std::string& why) {
  throw Error(ErrorKind::config, fmt::format("cannot price {}: {}", describe(key), why),
              entry.location);
}

Picojoules at_width(const WidthPrice& price, const PriceEntry& entry, const ActionKey& key) {
  const std::uint32_t width = key.width_bits;
  if (width == 0) refuse(entry, key, "the action has no width, and by_width needs one");
  const auto segment = find_segment(price, width);
  if (!segment) {
    refuse(entry, key,
           fmt::format("the widest price is for {} bits; say extrapolate: linear or power_law to "
                       "go beyond",
                       price.points.back().first));
  }
  const auto [from, energy] = segment->from;
  if (from == segment->to.first) return energy;
  if (segment->rule == WidthRule::power_law) {
    return energy * std::pow(width / static_cast<double>(from), segment->exponent());
  }
  const double rise = segment->to.second.value() - energy.value();
  return Picojoules{energy.value() +
                    rise * (static_cast<double>(width) - from) / (segment->to.first - from)};
}

Picojoules of_product(const ProductPrice& price, const PriceEntry& entry, const ActionKey& key) {
  const auto segment = find_values(price, key.value_bits);
  if (!segment) {
    refuse(entry, key,
           fmt::format("the price is for values of {} to {} bits", price.by_value.front().first,
                       price.by_value.back().first));
  }
  const double from = at_width(segment->from->second, entry, key).value();
  const double to = at_width(segment->to->second, entry, key).value();
  return Picojoules{from + (to - from) * segment->share};
}

/// The memory of the component, whose words must be as wide as the action's.
const MemoryGeometry& memory_of(const PriceEntry& entry, const ActionKey& key,
                                const MachineDescription& machine) {
  const auto memory = machine.memories.find(key.component);
  if (memory == machine.memories.end()) {
    refuse(entry, key, fmt::format("{} describes no memory of that name", machine.name));
  }
  const Bits word = memory->second.word;
  if (word.value() != key.width_bits) {
    refuse(entry, key, fmt::format("{} has words of {} bits there", machine.name, word.value()));
  }
  return memory->second;
}

std::string of_bank(const MemoryGeometry& memory) { return memory.banks > 1 ? " per bank" : ""; }

Picojoules of_memory(const SramPrice& price, const PriceEntry& entry, const ActionKey& key,
                     const MachineDescription& machine) {
  const MemoryGeometry& memory = memory_of(entry, key, machine);
  const auto& [capacity, word, banks] = memory;
  const auto point = price.points.find({capacity, word});
  if (point != price.points.end()) return point->second;
  const bool inside = capacity >= price.min_capacity && capacity <= price.max_capacity &&
                      word >= price.min_word && word <= price.max_word;
  if (!inside && !price.extrapolate) {
    refuse(entry, key,
           fmt::format("the formula covers {} to {} with words of {} to {} bits, and this memory "
                       "of {} has {}{}; say extrapolate: true to go beyond",
                       to_string(price.min_capacity), to_string(price.max_capacity),
                       price.min_word.value(), price.max_word.value(), machine.name,
                       to_string(capacity), of_bank(memory)));
  }
  const Picojoules energy = access_energy(price, capacity, word);
  if (energy <= Picojoules{}) refuse(entry, key, "the formula is not positive so far outside");
  return energy;
}

Picojoules of_registers(const RegisterFilePrice& price, const PriceEntry& entry,
                        const ActionKey& key, const MachineDescription& machine) {
  const MemoryGeometry& memory = memory_of(entry, key, machine);
  const std::uint64_t words = register_words(memory);
  const auto per_bit = register_bit(price, words);
  if (!per_bit) {
    refuse(entry, key,
           fmt::format("the register file covers {} to {} words, and this memory of {} has {}{}",
                       price.per_bit.front().first, price.per_bit.back().first, machine.name, words,
                       of_bank(memory)));
  }
  return *per_bit * static_cast<double>(key.width_bits);
}

Picojoules of_leakage(const LeakagePrice& price, const PriceEntry& entry, const ActionKey& key) {
  if (key.width_bits == 0 && !price.per_unit) {
    refuse(entry, key, "the unit has no capacity, so leakage needs per_unit");
  }
  double power_uw = price.per_unit.value_or(Microwatts{}).value();
  power_uw += price.per_kib.value_or(Microwatts{}).value() * (key.width_bits / bits_per_kib);
  return Picojoules{power_uw * pj_per_uw_ps};
}

}  // namespace

double array_rows(const SramPrice& price, Bits capacity, Bits word) {
  const auto listed = price.rows.find({capacity, word});
  if (listed != price.rows.end()) return static_cast<double>(listed->second);
  const std::uint64_t cells = word <= price.narrow_word ? capacity.value() / 2 : capacity.value();
  const int log2 = static_cast<int>(std::bit_width(cells)) - 1;
  const double square = log2 < 0 ? 0 : std::ldexp(4.0, log2 / 2);
  const double tallest = static_cast<double>(capacity.value()) / static_cast<double>(word.value());
  return std::min({square, tallest, static_cast<double>(price.max_rows)});
}

Picojoules access_energy(const SramPrice& price, Bits capacity, Bits word) {
  const double c =
      static_cast<double>(capacity.value()) / static_cast<double>(price.reference.value());
  const auto w = static_cast<double>(word.value());
  double per_bit = price.bit_pj * std::pow(c, price.bit_exponent) + price.bit_offset_pj;
  if (price.row_pj > 0) per_bit += price.row_pj * array_rows(price, capacity, word);
  return Picojoules{price.base_pj * std::pow(c, price.base_exponent) + price.base_offset_pj +
                    w * per_bit};
}

const PriceEntry& find_entry(const PriceTable& table, const ActionKey& key) {
  const PriceEntry* best = nullptr;
  const PriceEntry* rival = nullptr;
  int best_rank = 0;
  for (const PriceEntry& entry : table.entries) {
    if (entry.action != key.action) continue;
    const int rank = specificity(entry, key.component);
    if (rank == 0) continue;
    if (best && (entry.level > best->level || rank < best_rank)) continue;
    rival = rank == best_rank ? best : nullptr;
    best = &entry;
    best_rank = rank;
  }
  if (!best) {
    throw Error(ErrorKind::config,
                fmt::format("price table '{}' has no price for {}", table.name, describe(key)),
                {.file = table.file, .key = "entries"});
  }
  if (rival) {
    throw Error(ErrorKind::config,
                fmt::format("two equally specific prices for {}, the other at line {}",
                            describe(key), rival->location.line.value_or(0)),
                best->location);
  }
  return *best;
}

Picojoules unit_price(const PriceEntry& entry, const ActionKey& key,
                      const MachineDescription& machine) {
  return std::visit(
      Overloaded{
          [](const FlatPrice& price) { return price.energy; },
          [&](const WidthPrice& price) { return at_width(price, entry, key); },
          [&](const ProductPrice& price) { return of_product(price, entry, key); },
          [&](const SramPrice& price) { return of_memory(price, entry, key, machine); },
          [&](const RegisterFilePrice& price) { return of_registers(price, entry, key, machine); },
          [&](const BitPrice& price) {
            if (key.width_bits == 0) refuse(entry, key, "per_bit needs a width");
            return price.energy * static_cast<double>(key.width_bits);
          },
          [&](const LinkPrice& price) {
            if (key.width_bits == 0) refuse(entry, key, "a link price needs a width");
            const double mm = price.length.value() / nm_per_mm;
            return (price.per_bit + price.per_bit_mm * mm) * static_cast<double>(key.width_bits);
          },
          [&](const LeakagePrice& price) { return of_leakage(price, entry, key); },
          [](const IncludedIn&) { return Picojoules{}; }},
      entry.price);
}

void check_memories(const MachineDescription& machine, const PriceTable& table) {
  for (const auto& entry : machine.memories) {
    const std::string& component = entry.first;
    for (const Action action : {Action::read_word, Action::write_word}) {
      const bool never_written =
          matches("*.synapse_memory", component) || matches("*.axon_table", component);
      if (action == Action::write_word && never_written) continue;
      const bool listed =
          std::any_of(table.entries.begin(), table.entries.end(), [&](const PriceEntry& price) {
            return price.action == action && specificity(price, component) > 0;
          });
      if (!listed) continue;
      const ActionKey key{
          component, action, static_cast<std::uint32_t>(entry.second.word.value()), {}, 0};
      (void)unit_price(find_entry(table, key), key, machine);
    }
  }
}

}  // namespace nj
