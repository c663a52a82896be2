#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "neurojoule/hardware/sanafe_network.hpp"

#include "actions.hpp"

namespace nj::sanafe {

/// Messages of a spike to cores that follow each other: to `core`, `core` + 1, ...
struct MessageRun {
  std::uint32_t core = 0;
  std::uint32_t first = 0;  ///< message
  std::uint32_t count = 0;
};

/// An action and how often a spike causes it.
struct ActionShare {
  std::uint32_t action = 0;
  std::uint32_t count = 0;
};

/// The messages of a spike, wherever it starts: the same for all neurons with synapses to the same
/// cores, as many on each.
struct FanOutClass {
  std::uint32_t first_run = 0;
  std::uint32_t runs = 0;
  std::uint32_t first_share = 0;
  std::uint32_t shares = 0;
  std::uint32_t messages = 0;
  std::uint64_t synaptic_events = 0;
};

/// All that a spike of some neurons of one core sets off. The shares of a class are those that
/// depend on where it starts: messages out and hops.
struct AxonClass {
  std::uint32_t core = 0;  ///< where it starts
  std::uint32_t fan_out = 0;
  std::uint32_t first_share = 0;
  std::uint32_t shares = 0;
  std::uint32_t hops = 0;
};

/// The messages of every neuron. Neurons of one core whose spikes reach the same synapses per core
/// share a class: in a convolution, those of one position on one core.
class Axons {
 public:
  Axons(const Architecture& chip, const Network& network, const ActionTable& actions);

  [[nodiscard]] const AxonClass& of(std::uint32_t neuron) const {
    return classes_[class_of_[neuron]];
  }
  [[nodiscard]] const FanOutClass& fan_out(const AxonClass& axon) const {
    return fan_outs_[axon.fan_out];
  }
  /// One message per core, in the order of cores.
  [[nodiscard]] std::span<const MessageRun> runs(const FanOutClass& fan_out) const {
    return std::span(runs_).subspan(fan_out.first_run, fan_out.runs);
  }
  /// How long each message of a run takes at its core: receiving it, and its synaptic events.
  [[nodiscard]] std::span<const double> processing_s(const MessageRun& run) const {
    return std::span(processing_s_).subspan(run.first, run.count);
  }
  template <class Class>
  [[nodiscard]] std::span<const ActionShare> shares(const Class& of) const {
    return std::span(shares_).subspan(of.first_share, of.shares);
  }

 private:
  class Builder;
  std::vector<std::uint32_t> class_of_;  ///< [neuron]
  std::vector<AxonClass> classes_;
  std::vector<FanOutClass> fan_outs_;
  std::vector<MessageRun> runs_;
  std::vector<double> processing_s_;  ///< [message]
  std::vector<ActionShare> shares_;
};

}  // namespace nj::sanafe
