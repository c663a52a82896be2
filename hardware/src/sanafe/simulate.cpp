#include <algorithm>
#include <functional>
#include <optional>

#include "neurojoule/hardware/sanafe_simulate.hpp"

#include "actions.hpp"
#include "axons.hpp"
#include "delivery.hpp"
#include "event_times.hpp"
#include "kernels.hpp"
#include "layout.hpp"
#include "somas.hpp"

namespace nj::sanafe {

namespace {

/// A network on its chip while it runs.
class Machine {
 public:
  Machine(const Architecture& chip, const Network& network, const SimulationOptions& options)
      : chip_(chip),
        actions_(chip),
        layout_(make_layout(chip, network)),
        axons_(chip, network, actions_),
        delivery_(chip, network, layout_),
        somas_(chip, network, layout_),
        inputs_(layout_.places + place_padding, no_input),
        action_counts_(actions_.size()),
        total_actions_(actions_.size()),
        sending_s_(chip.cores()),
        receiving_s_(chip.cores()) {
    std::vector<std::uint8_t> used(chip.cores());
    for (const Site& site : layout_.sites) used[site.core] = 1;
    std::uint32_t last_tile = no_index;
    for (std::uint32_t core = 0; core < chip.cores(); ++core) {
      if (used[core] == 0) continue;
      ++cores_in_use_;
      if (chip.tile_of[core] != last_tile) ++tiles_in_use_;
      last_tile = chip.tile_of[core];
    }
    sync_s_ = chip.sync(tiles_in_use_);
    if (options.timing == Timing::simple) return;
    event_times_.emplace(
        Traffic(chip, network, actions_, layout_, axons_, noc_cycle_s),
        NocShape{.width = chip.width,
                 .height = chip.height,
                 .first_core = chip.first_core,
                 .tile_of = chip.tile_of,
                 .stages =
                     options.timing == Timing::flit ? std::optional(RouterStages{}) : std::nullopt},
        options.threads);
  }

  /// Of the result only the time of a simulated network is missing.
  StepResult step(std::uint64_t number) {
    StepResult result;
    std::fill(action_counts_.begin(), action_counts_.end(), 0);
    std::fill(sending_s_.begin(), sending_s_.end(), 0.0);
    std::fill(receiving_s_.begin(), receiving_s_.end(), 0.0);
    somas_.run(number, inputs_.data());
    count_neurons(result.counts);
    for (const std::uint32_t rank : somas_.fired()) send(layout_.neuron_at[rank], number, result);
    if (event_times_) {
      event_times_->add(somas_);
    } else {
      result.time_s = simple_time();
    }
    result.energy = actions_.price(action_counts_);
    for (std::size_t i = 0; i < action_counts_.size(); ++i) total_actions_[i] += action_counts_[i];
    return result;
  }

  /// Whether steps wait for their times, and whether enough do.
  [[nodiscard]] bool has_untimed() const { return event_times_ && !event_times_->empty(); }
  [[nodiscard]] bool is_full() const { return event_times_ && event_times_->full(); }
  /// Times of all steps that wait for theirs, while others are made.
  std::vector<double> times_s(const std::function<void()>& meanwhile) {
    std::vector<double> times;
    for (const std::uint64_t cycles : event_times_->run(meanwhile)) {
      times.push_back(static_cast<double>(cycles) * noc_cycle_s + sync_s_);
    }
    return times;
  }

  [[nodiscard]] StepEnergy total_energy() const { return actions_.price(total_actions_); }
  [[nodiscard]] std::uint32_t tiles_in_use() const { return tiles_in_use_; }
  [[nodiscard]] std::uint32_t cores_in_use() const { return cores_in_use_; }

 private:
  void count_neurons(StepCounts& counts) {
    for (std::size_t i = 0; i < layout_.sites.size(); ++i) {
      const Site& site = layout_.sites[i];
      const std::uint32_t first = actions_.access(chip_.kind_of[site.core], site.soma);
      const std::uint64_t done[] = {site.neurons, somas_.updates()[i], somas_.spikes()[i]};
      for (std::uint32_t a = 0; a < 3; ++a) {
        action_counts_[first + a] += done[a];
        sending_s_[site.core] += static_cast<double>(done[a]) * actions_.cost(first + a).latency_s;
      }
      counts.updated += done[1];
      counts.fired += done[2];
    }
  }

  void send(std::uint32_t neuron, std::uint64_t number, StepResult& result) {
    const AxonClass& axon = axons_.of(neuron);
    const FanOutClass& fan_out = axons_.fan_out(axon);
    if (fan_out.messages == 0) return;
    for (const ActionShare& share : axons_.shares(axon))
      action_counts_[share.action] += share.count;
    for (const ActionShare& share : axons_.shares(fan_out)) {
      action_counts_[share.action] += share.count;
    }
    sending_s_[axon.core] += fan_out.messages * chip_.core(axon.core).message_out.latency_s;
    for (const MessageRun& run : axons_.runs(fan_out)) {
      add_row(axons_.processing_s(run), receiving_s_.data() + run.core);
    }
    result.counts.messages += fan_out.messages;
    result.counts.synaptic_events += fan_out.synaptic_events;
    result.counts.hops += axon.hops;
    delivery_.spike(neuron, number, inputs_.data());
  }

  [[nodiscard]] double simple_time() const {
    return std::max(*std::max_element(sending_s_.begin(), sending_s_.end()),
                    *std::max_element(receiving_s_.begin(), receiving_s_.end())) +
           sync_s_;
  }

  const Architecture& chip_;
  ActionTable actions_;
  Layout layout_;
  Axons axons_;
  Delivery delivery_;
  Somas somas_;
  std::optional<EventTimes> event_times_;
  std::vector<double> inputs_;  ///< [places + padding]: what arrives in a step
  std::vector<std::uint64_t> action_counts_;
  std::vector<std::uint64_t> total_actions_;
  std::vector<double> sending_s_;    ///< [core]: of this step
  std::vector<double> receiving_s_;  ///< [core]: of this step
  std::uint32_t tiles_in_use_ = 0;
  std::uint32_t cores_in_use_ = 0;
  double sync_s_ = 0;
};

void add(const StepResult& step, StepResult& total) {
  total.counts.fired += step.counts.fired;
  total.counts.updated += step.counts.updated;
  total.counts.synaptic_events += step.counts.synaptic_events;
  total.counts.messages += step.counts.messages;
  total.counts.hops += step.counts.hops;
  total.time_s += step.time_s;
}

}  // namespace

SimulationResult simulate(const Architecture& chip, const Network& network,
                          const SimulationOptions& options) {
  Machine machine(chip, network, options);
  SimulationResult result;
  result.tiles_in_use = machine.tiles_in_use();
  result.cores_in_use = machine.cores_in_use();
  const auto make_steps = [&] {
    while (result.steps.size() < options.steps && !machine.is_full()) {
      result.steps.push_back(machine.step(result.steps.size() + 1));
      if (options.progress) options.progress(result.steps.size());
    }
  };
  make_steps();
  for (std::size_t timed = 0; machine.has_untimed();) {
    for (const double time_s : machine.times_s(make_steps)) result.steps[timed++].time_s = time_s;
  }
  for (const StepResult& step : result.steps) add(step, result.total);
  result.total.energy = machine.total_energy();
  return result;
}

}  // namespace nj::sanafe
