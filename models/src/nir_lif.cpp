#include "nir_lif.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "nir_fields.hpp"

namespace nj::nir {
namespace {

constexpr double unit_gain_tolerance = 1e-6;  ///< float32 rounding of r = 1 / (1 - beta)
constexpr double quotient_tolerance = 1e-15;  ///< (n dt) / dt may miss n by its last place

/// The one value of time constants.
double single(const std::string& node, const std::vector<double>& values, const char* what) {
  if (values.empty() ||
      std::any_of(values.begin(), values.end(), [&](double v) { return v != values[0]; })) {
    fail(ErrorKind::unsupported, node,
         fmt::format("its neurons have different {}; a layer has one", what));
  }
  return values[0];
}

/// The tau of a layer, in time steps, whose step decays as the node's.
double steps_of(const std::string& node, double tau, double dt, NirStep step) {
  if (!(tau > 0.0)) fail(ErrorKind::numeric, node, fmt::format("a time constant is {} s", tau));
  if (step != NirStep::euler) return -1.0 / std::expm1(-dt / tau);
  const double steps = tau / dt;
  const double rounded = static_cast<float>(steps);
  return std::abs(steps - rounded) < quotient_tolerance * steps ? rounded : steps;
}

void require_zeros(const std::string& node, const std::vector<double>& values, const char* what) {
  if (std::any_of(values.begin(), values.end(), [](double v) { return v != 0.0; })) {
    fail(ErrorKind::unsupported, node, fmt::format("{} is not 0", what));
  }
}

/// V + (r x - V) / tau with r = tau is V - V / tau + x: no scaling, and no rounding by it.
void take_input_whole(LifLayer& layer) {
  const double tau = layer.lif.tau;
  layer.lif.decay_input = !std::all_of(layer.scale.begin(), layer.scale.end(), [&](double r) {
    return std::abs(r / tau - 1.0) < unit_gain_tolerance;
  });
  if (layer.lif.decay_input) return;
  for (double& r : layer.scale) r /= tau;
  for (double& v : layer.shift) v /= tau;
}

/// Gives all neurons the threshold of the first, by scaling their input.
void set_threshold(const std::string& node, LifLayer& layer, const std::vector<double>& values) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!(values[i] > 0.0)) fail(ErrorKind::unsupported, node, "its threshold is not above 0");
    layer.scale[i] *= values[0] / values[i];
    layer.shift[i] *= values[0] / values[i];
  }
  // A float64 threshold just below a float32 number stands for firing at that number.
  const double threshold = values[0];
  const double above = std::nextafter(threshold, std::numeric_limits<double>::infinity());
  const bool at = double{static_cast<float>(above)} == above &&
                  double{static_cast<float>(threshold)} != threshold;
  layer.lif.v_threshold = at ? above : threshold;
  layer.lif.firing = at ? Firing::at_threshold : Firing::above_threshold;
}

[[noreturn]] void refuse_silent(const std::string& node, const char* type) {
  fail(ErrorKind::unsupported, node,
       fmt::format("the executor has no layer for a {}, which does not fire", type));
}

}  // namespace

LifLayer lif_layer(const std::string& name, const NirThreshold& op, double, NirStep) {
  const std::size_t neurons = op.threshold.values.size();
  LifLayer layer{{}, std::vector<double>(neurons, 1.0), std::vector<double>(neurons, 0.0)};
  layer.lif.tau = 1.0;
  set_threshold(name, layer, op.threshold.values);
  return layer;
}

LifLayer lif_layer(const std::string& name, const NirIf& op, double dt, NirStep) {
  require_zeros(name, op.v_reset.values, "its v_reset");
  LifLayer layer{{}, op.r.values, std::vector<double>(op.r.values.size(), 0.0)};
  for (double& r : layer.scale) r *= dt;
  layer.lif.tau = no_leak;
  layer.lif.decay_input = false;
  set_threshold(name, layer, op.v_threshold.values);
  return layer;
}

LifLayer lif_layer(const std::string& name, const NirLif& op, double dt, NirStep step) {
  require_zeros(name, op.v_reset.values, "its v_reset");
  LifLayer layer{{}, op.r.values, op.v_leak.values};
  layer.lif.tau = steps_of(name, single(name, op.tau.values, "time constants"), dt, step);
  take_input_whole(layer);
  set_threshold(name, layer, op.v_threshold.values);
  return layer;
}

LifLayer lif_layer(const std::string& name, const NirCubaLif& op, double dt, NirStep step) {
  if (step != NirStep::euler) {
    fail(ErrorKind::unsupported, name, "a layer has no exponential step of a CubaLIF");
  }
  require_zeros(name, op.v_reset.values, "its v_reset");
  require_zeros(name, op.v_leak.values, "the v_leak of a CubaLIF");
  LifLayer layer{{}, op.r.values, std::vector<double>(op.r.values.size(), 0.0)};
  layer.lif.tau = steps_of(name, single(name, op.tau_mem.values, "time constants"), dt, step);
  layer.lif.tau_synapse =
      steps_of(name, single(name, op.tau_syn.values, "synaptic time constants"), dt, step);
  take_input_whole(layer);
  for (std::size_t i = 0; i < layer.scale.size(); ++i) {
    const double w_in = op.w_in.values[op.w_in.values.size() == 1 ? 0 : i];
    layer.scale[i] *= w_in / layer.lif.tau_synapse;
  }
  set_threshold(name, layer, op.v_threshold.values);
  return layer;
}

LifLayer lif_layer(const std::string& name, const NirI&, double, NirStep) {
  refuse_silent(name, "I");
}
LifLayer lif_layer(const std::string& name, const NirLi&, double, NirStep) {
  refuse_silent(name, "LI");
}
LifLayer lif_layer(const std::string& name, const NirCubaLi&, double, NirStep) {
  refuse_silent(name, "CubaLI");
}

}  // namespace nj::nir
