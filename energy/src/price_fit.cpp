#include "price_fit.hpp"

#include <variant>

#include <fmt/format.h>

namespace nj {
void check_fit(const YamlNode& entry, Action action, const Price& price) {
  const bool uses_link = is_hop(action) || action == Action::spike_within_tile;
  if (std::holds_alternative<LinkPrice>(price) && !uses_link) {
    throw entry.error(fmt::format("link prices hops, not {}", to_string(action)));
  }
  const bool is_word = action == Action::read_word || action == Action::write_word;
  const bool of_memory =
      std::holds_alternative<SramPrice>(price) || std::holds_alternative<RegisterFilePrice>(price);
  if (of_memory && !is_word) {
    throw entry.error(fmt::format("{} prices read_word and write_word, not {}",
                                  entry.find("sram") ? "sram" : "register_file",
                                  to_string(action)));
  }
  if (std::holds_alternative<ProductPrice>(price) && action != Action::multiply) {
    throw entry.error(fmt::format("by_value_and_width prices multiply, not {}", to_string(action)));
  }
  const auto* included = std::get_if<IncludedIn>(&price);
  const bool is_time = action == Action::leak_cycle;
  if (!included && std::holds_alternative<LeakagePrice>(price) != is_time) {
    throw entry.error(is_time
                          ? "leak_cycle is priced by leakage, a power"
                          : fmt::format("leakage prices leak_cycle, not {}", to_string(action)));
  }
  if (included && std::find(included->actions.begin(), included->actions.end(), action) !=
                      included->actions.end()) {
    throw entry.error(fmt::format("{} cannot be included in itself", to_string(action)));
  }
}

}  // namespace nj
