#pragma once

#include <string>
#include <vector>

#include "neurojoule/core/operators.hpp"
#include "neurojoule/models/nir_run.hpp"

namespace nj::nir {

/// The neurons of a node as a layer: every neuron the same, after its input has been scaled and
/// shifted.
struct LifLayer {
  Lif lif;
  std::vector<double> scale;  ///< by neuron
  std::vector<double> shift;  ///< by neuron, added to the scaled input
};

/// How a neuron node steps; the equations are in nir_model.hpp. The reset is left at zero.
/// Throws: Error(unsupported, numeric) with `name` as key: different time constants, v_reset other
/// than 0, a threshold that is not above 0, a CubaLIF with exponential steps or with a v_leak.
LifLayer lif_layer(const std::string& name, const NirThreshold& op, double dt, NirStep step);
LifLayer lif_layer(const std::string& name, const NirIf& op, double dt, NirStep step);
LifLayer lif_layer(const std::string& name, const NirLif& op, double dt, NirStep step);
LifLayer lif_layer(const std::string& name, const NirCubaLif& op, double dt, NirStep step);
/// Neurons that do not fire have no layer: Error(unsupported).
LifLayer lif_layer(const std::string& name, const NirI& op, double dt, NirStep step);
LifLayer lif_layer(const std::string& name, const NirLi& op, double dt, NirStep step);
LifLayer lif_layer(const std::string& name, const NirCubaLi& op, double dt, NirStep step);

}  // namespace nj::nir
