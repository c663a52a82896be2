#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "neurojoule/core/action_counts.hpp"
#include "neurojoule/core/quantity.hpp"
#include "neurojoule/energy/machine_description.hpp"
#include "neurojoule/energy/price_table.hpp"

namespace nj {

/// One counted thing and its energy: energy_pj = count * unit_price_pj, nothing else.
struct LedgerRow {
  std::string component;
  Action action{};
  std::uint32_t width_bits = 0;
  std::uint32_t value_bits = 0;  ///< of the value in a product; else 0
  LayerId layer;
  std::uint64_t count = 0;
  double unit_price_pj = 0;
  double energy_pj = 0;
  Category category{};
  double low = 1.0;    ///< the true price is at least low times this one (PriceEntry)
  double high = 1.0;   ///< ... and at most high times
  std::string source;  ///< who says so
  std::string note;    ///< how the price was applied; empty where it was simply taken
  friend bool operator==(const LedgerRow&, const LedgerRow&) = default;
};

/// Every counted thing with its price, in key order (component, action, width, value, layer).
struct Ledger {
  std::string table;  ///< full_name() of the price table
  std::vector<LedgerRow> rows;

  /// The serial sum of the rows in their order: this is the definition of the total.
  [[nodiscard]] Picojoules total() const;
  friend bool operator==(const Ledger&, const Ledger&) = default;
};

/// What to do when a table and a chip are for different processes.
enum class ProcessMismatch : std::uint8_t {
  refuse,
  scale  ///< multiply by energy_scale(); leakage and off-chip prices stay as they are
};

/// Prices what a machine did: one row per count, zero counts left out.
/// Throws: Error(config) for an action without a price, a width or memory outside the table's
/// range, or a process mismatch that `mismatch` does not allow.
Ledger price(const ActionCounts& counts, const MachineDescription& machine, const PriceTable& table,
             ProcessMismatch mismatch = ProcessMismatch::refuse);

/// The factor that `ProcessMismatch::scale` puts on an entry's price; 1 when the processes agree.
/// Throws: as energy_scale.
double scale_factor(const PriceEntry& entry, const MachineDescription& machine,
                    const PriceTable& table);

/// How the unit price of an action comes about, with the numbers that it takes to redo it:
/// `32 bits x 0.957 pJ`. Scaled to the machine's process where the table is of another.
/// Throws: as find_entry and unit_price.
std::string price_formula(const PriceTable& table, const ActionKey& key,
                          const MachineDescription& machine);

/// Energy per category; all categories are present. A partition: the values sum to the total up to
/// rounding.
std::map<Category, Picojoules> energy_by_category(const Ledger& ledger);
/// Energy per layer; chip_overhead holds what was done for none. A partition.
std::map<LayerId, Picojoules> energy_by_layer(const Ledger& ledger);
/// Energy per component. A partition.
std::map<std::string, Picojoules> energy_by_component(const Ledger& ledger);
/// Energy per category within each layer; all categories are present. A partition.
std::map<LayerId, std::map<Category, Picojoules>> energy_by_layer_and_category(
    const Ledger& ledger);

}  // namespace nj
