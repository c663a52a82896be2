#pragma once

#include "neurojoule/core/activity.hpp"
#include "neurojoule/hardware/simulate.hpp"

#include "plan.hpp"

namespace nj {

/// A sample on a chip without barriers (simulate.hpp, "Without barriers"); it keeps no StepRecord.
/// Throws: Error(shape) as Simulator::run.
SimulationResult simulate_dataflow(const Plan& plan, const SpikeTrace& trace,
                                   const SimulationOptions& options);

}  // namespace nj
