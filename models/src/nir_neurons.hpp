#pragma once

#include <span>
#include <string>
#include <vector>

#include "neurojoule/models/nir_run.hpp"

namespace nj::nir {

/// The neurons of one node: parameters by neuron and state. The equations are in nir_run.hpp.
class Neurons {
 public:
  /// Throws: Error(numeric, unsupported) with `name` as key.
  Neurons(const std::string& name, const NirOperator& op, const NirRunOptions& options);

  /// One step: reads the input and gives spikes, or potentials where the type does not fire.
  void step(std::span<const double> input, std::span<double> output);
  /// Potentials after the reset.
  [[nodiscard]] std::span<const double> potential() const { return v_; }

 private:
  template <class Op>
  void take(const Op& op);
  void check() const;
  void advance_current(std::size_t i, double x);
  void advance_direct(std::size_t i, double x);
  [[nodiscard]] double fire(std::size_t i);
  [[nodiscard]] double advance_continuous(std::size_t i, double x);
  [[nodiscard]] double time_to_threshold(std::size_t i, double x) const;
  void drift(std::size_t i, double x, double seconds);

  std::string name_;
  NirRunOptions options_;
  bool leaks_ = false;
  bool fires_ = false;
  bool has_current_ = false;
  std::vector<double> tau_;  ///< of the membrane, s; empty when it does not leak
  std::vector<double> r_;
  std::vector<double> v_leak_;
  std::vector<double> tau_syn_;  ///< s
  std::vector<double> w_in_;
  std::vector<double> threshold_;
  std::vector<double> v_reset_;
  std::vector<double> v_;
  std::vector<double> current_;
};

}  // namespace nj::nir
