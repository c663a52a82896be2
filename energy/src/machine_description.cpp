#include "neurojoule/energy/machine_description.hpp"

#include "neurojoule/hardware/chip.hpp"

namespace nj {

MachineDescription machine_description(const Chip& chip) {
  const ChipSpec& spec = chip.spec();
  MachineDescription machine{spec.name, {spec.node, spec.voltage}, {}};
  for (const CoreKindSpec& kind : spec.core_kinds) {
    for (const MemoryUnit unit : memory_units) {
      const auto& memory = kind.memory(unit);
      if (!memory) continue;
      machine.memories[kind.name + "." + std::string(to_string(unit))] = {
          Bits{memory->capacity.value() / memory->banks}, Bits{memory->word_bits}, memory->banks};
    }
  }
  if (!spec.array) return machine;
  for (const ArrayBuffer which : array_buffers) {
    const auto& buffer = spec.array->buffer(which);
    if (!buffer) continue;
    machine.memories[spec.array->name + "." + std::string(to_string(which))] = {
        Bits{buffer->capacity.value() / buffer->banks}, Bits{buffer->word_bits}, buffer->banks};
  }
  return machine;
}

}  // namespace nj
