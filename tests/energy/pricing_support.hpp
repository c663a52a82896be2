#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "neurojoule/energy/ledger.hpp"

#include "support/thrown.hpp"

namespace nj::testing {

/// A table of 45 nm at 0.9 V around the given entries (each line indented by two spaces).
inline std::string table_text(std::string_view entries) {
  return "name: t\ntechnology: {node: 45 nm, voltage: 0.9 V}\nentries:\n" + std::string(entries);
}
inline PriceTable table_of(std::string_view entries) {
  return parse_price_table(table_text(entries), "t.yaml");
}

inline PriceTable shipped(const std::string& name) {
  return load_price_table(std::filesystem::path(NJ_SOURCE_DIR) / "energy/tables" /
                          (name + ".yaml"));
}

/// A 45 nm machine with 8 KiB memories in 64-bit words under `neuron.` and `array.`.
inline MachineDescription machine45() {
  const MemoryGeometry memory{Bits{65'536}, Bits{64}};
  return {"m45",
          {Nanometres{45}, Volts{0.9}},
          {{"neuron.synapse_memory", memory},
           {"neuron.accumulator_memory", memory},
           {"neuron.membrane_memory", memory},
           {"neuron.spike_buffer", memory},
           {"neuron.frame_buffer", memory},
           {"neuron.score_memory", memory},
           {"neuron.axon_table", memory},
           {"array.input_buffer", memory},
           {"array.weight_buffer", memory},
           {"array.accumulator_buffer", memory},
           {"array.membrane_buffer", memory},
           {"array.output_buffer", memory},
           {"array.spike_buffer", memory}}};
}

/// Products are square.
inline ActionKey key(std::string component, Action action, std::uint32_t width,
                     std::uint32_t layer = 0) {
  const std::uint32_t value = action == Action::multiply ? width : 0;
  return {std::move(component), action, width, LayerId{layer}, value};
}

/// Price in pJ of one action by a table.
inline double pj(const PriceTable& table, const ActionKey& of,
                 const MachineDescription& machine = machine45()) {
  return unit_price(find_entry(table, of), of, machine).value();
}

}  // namespace nj::testing
