#pragma once

#include <string>

#include "neurojoule/core/quantity.hpp"

namespace nj {

/// A manufacturing process at a supply voltage: what a price was measured or simulated for.
struct Process {
  Nanometres node;
  Volts voltage;
};

/// True when node and voltage agree to 1e-6 relative.
bool same_process(const Process& a, const Process& b);

/// Renders as `45 nm at 0.9 V`.
std::string to_string(const Process& process);

/// The factor by which dynamic switching energy changes from one process to another:
/// p(to) / p(from), p(node, V) = a V^2 + b V + c with published a, b, c per node.
///
/// Nodes: 65, 45, 32, 20, 16, 14, 10, 7 nm; voltages 0.5 V to 1.2 V. It says nothing about leakage
/// or DRAM. 65 nm is general purpose, 45 and 32 nm low power, 20 nm and below high performance.
/// Throws: Error(config) for a node or voltage outside these, naming the nodes.
/// Source: Stillmaker and Baas, Integration 58 (2017) 74-81.
double energy_scale(const Process& from, const Process& to);

/// Dynamic energy per operation carried over to another process: energy * energy_scale(from, to).
/// Throws: as energy_scale.
Picojoules scale_energy(Picojoules energy, const Process& from, const Process& to);

}  // namespace nj
