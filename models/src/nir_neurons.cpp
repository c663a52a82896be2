#include "nir_neurons.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "neurojoule/core/error.hpp"

#include "nir_fields.hpp"

namespace nj::nir {
namespace {

constexpr int max_spikes_a_step = 1 << 20;

/// (exp(-h / tau_syn) - exp(-h / tau)) tau_syn / (tau_syn - tau): how much of a current that decays
/// from 1 is in the membrane after h. Written so that equal and very different constants are safe.
double current_response(double h, double tau, double tau_syn) {
  const double x = h * std::abs(1.0 / tau - 1.0 / tau_syn);
  const double ratio = x == 0.0 ? 1.0 : -std::expm1(-x) / x;
  return std::exp(-h / std::max(tau, tau_syn)) * (h / tau) * ratio;
}

}  // namespace

Neurons::Neurons(const std::string& name, const NirOperator& op, const NirRunOptions& options)
    : name_(name), options_(options) {
  std::visit(
      [&](const auto& alternative) {
        if constexpr (is_neuron<std::decay_t<decltype(alternative)>>) take(alternative);
      },
      op);
  check();
}

template <class Op>
void Neurons::take(const Op& op) {
  r_ = op.r.values;
  if constexpr (requires { op.tau; }) tau_ = op.tau.values;
  if constexpr (requires { op.tau_mem; }) tau_ = op.tau_mem.values;
  if constexpr (requires { op.v_leak; }) v_leak_ = op.v_leak.values;
  if constexpr (requires { op.tau_syn; }) {
    tau_syn_ = op.tau_syn.values;
    w_in_ = op.w_in.values;
    w_in_.resize(r_.size(), w_in_.empty() ? 0.0 : w_in_[0]);
  }
  if constexpr (requires { op.v_threshold; }) {
    threshold_ = op.v_threshold.values;
    v_reset_ = op.v_reset.values;
  }
  leaks_ = !tau_.empty();
  has_current_ = !tau_syn_.empty();
  fires_ = !threshold_.empty();
  v_.assign(r_.size(), 0.0);
  current_.assign(has_current_ ? r_.size() : 0, 0.0);
}

void Neurons::check() const {
  for (const auto* taus : {&tau_, &tau_syn_}) {
    for (const double tau : *taus) {
      if (tau > 0.0) continue;
      throw Error(ErrorKind::numeric, fmt::format("a time constant is {} s", tau), {.key = name_});
    }
  }
  if (options_.step != NirStep::continuous || !fires_) return;
  if (has_current_) {
    throw Error(ErrorKind::unsupported, "a CubaLIF does not run in continuous time",
                {.key = name_});
  }
  for (std::size_t i = 0; i < r_.size(); ++i) {
    if (v_reset_[i] < threshold_[i]) continue;
    throw Error(ErrorKind::numeric,
                "v_reset is not below v_threshold, so continuous time never goes on",
                {.key = name_});
  }
}

void Neurons::step(std::span<const double> input, std::span<double> output) {
  for (std::size_t i = 0; i < r_.size(); ++i) {
    if (fires_ && options_.step == NirStep::continuous) {
      output[i] = advance_continuous(i, input[i]);
    } else {
      if (has_current_) {
        advance_current(i, input[i]);
      } else {
        advance_direct(i, input[i]);
      }
      output[i] = fires_ ? fire(i) : v_[i];
    }
    if (!std::isfinite(v_[i])) {
      throw Error(ErrorKind::numeric, fmt::format("the potential of neuron {} is {}", i, v_[i]),
                  {.key = name_});
    }
  }
}

void Neurons::advance_direct(std::size_t i, double x) {
  if (leaks_ && options_.step == NirStep::euler) {
    v_[i] += options_.dt / tau_[i] * (v_leak_[i] - v_[i] + r_[i] * x);
  } else {
    drift(i, x, options_.dt);
  }
}

/// The exact solution after `seconds` of constant input, without firing.
void Neurons::drift(std::size_t i, double x, double seconds) {
  if (leaks_) {
    const double target = v_leak_[i] + r_[i] * x;
    v_[i] = target + (v_[i] - target) * std::exp(-seconds / tau_[i]);
  } else {
    v_[i] += seconds * r_[i] * x;
  }
}

void Neurons::advance_current(std::size_t i, double x) {
  const double h = options_.dt;
  const double steady = w_in_[i] * x;
  const double before = current_[i];
  if (options_.step == NirStep::euler) {
    current_[i] += h / tau_syn_[i] * (steady - before);
    const double drive = options_.current == NirCurrent::updated ? current_[i] : before;
    v_[i] += h / tau_[i] * (v_leak_[i] - v_[i] + r_[i] * drive);
    return;
  }
  // I(t) = steady + (before - steady) exp(-t / tau_syn); the first part moves v as in a LIF.
  current_[i] = steady + (before - steady) * std::exp(-h / tau_syn_[i]);
  drift(i, steady, h);
  v_[i] += r_[i] * (before - steady) * current_response(h, tau_[i], tau_syn_[i]);
}

double Neurons::fire(std::size_t i) {
  if (!(v_[i] > threshold_[i])) return 0.0;
  if (options_.reset == NirReset::to_value) {
    v_[i] = v_reset_[i];
  } else {
    v_[i] -= threshold_[i] - v_reset_[i];
  }
  return 1.0;
}

/// Seconds until v is at the threshold and rising; 0 when it is above, infinity when never.
double Neurons::time_to_threshold(std::size_t i, double x) const {
  const double gap = threshold_[i] - v_[i];
  if (gap < 0.0) return 0.0;
  constexpr double never = std::numeric_limits<double>::infinity();
  if (!leaks_) return r_[i] * x > 0.0 ? gap / (r_[i] * x) : never;
  const double beyond = v_leak_[i] + r_[i] * x - threshold_[i];
  return beyond > 0.0 ? tau_[i] * std::log1p(gap / beyond) : never;
}

double Neurons::advance_continuous(std::size_t i, double x) {
  double left = options_.dt;
  int spikes = 0;
  double wait = time_to_threshold(i, x);
  while (wait < left) {
    if (++spikes > max_spikes_a_step) {
      throw Error(ErrorKind::numeric,
                  fmt::format("neuron {} fires more than {} times in a step", i, max_spikes_a_step),
                  {.key = name_});
    }
    left -= wait;
    if (options_.reset == NirReset::to_value || wait > 0.0) {
      v_[i] = v_reset_[i];  // v is at the threshold: taking the difference off gives the same
    } else {
      v_[i] -= threshold_[i] - v_reset_[i];
    }
    wait = time_to_threshold(i, x);
  }
  drift(i, x, left);
  return spikes;
}

}  // namespace nj::nir
