#include "traffic.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <string>

#include "neurojoule/core/error.hpp"

namespace nj::sanafe {

namespace {

/// Bits that are set in [begin, end).
std::uint32_t count_bits(const std::vector<std::uint64_t>& bits, std::uint32_t begin,
                         std::uint32_t end) {
  std::uint32_t count = 0;
  while (begin < end) {
    const std::uint32_t word_end = std::min(end, (begin / 64 + 1) * 64);
    std::uint64_t word = bits[begin / 64] >> (begin % 64);
    if (word_end - begin < 64) word &= (std::uint64_t{1} << (word_end - begin)) - 1;
    count += static_cast<std::uint32_t>(std::popcount(word));
    begin = word_end;
  }
  return count;
}

}  // namespace

Traffic::Traffic(const Architecture& chip, const Network& network, const ActionTable& actions,
                 const Layout& layout, const Axons& axons, double cycle_s)
    : chip_(chip),
      layout_(layout),
      axons_(axons),
      cycle_s_(cycle_s),
      first_rank_(chip.cores() + 1),
      alike_(chip.cores(), 1) {
  for (const Site& site : layout.sites) {
    const std::uint32_t first = actions.access(chip.kind_of[site.core], site.soma);
    times_.push_back({actions.cost(first).latency_s, actions.cost(first + 1).latency_s,
                      actions.cost(first + 2).latency_s});
  }
  std::vector<std::uint32_t> sites(chip.cores());
  for (const Site& site : layout.sites) {
    if (++sites[site.core] > 1) alike_[site.core] = 0;
  }
  for (const std::uint32_t neuron : layout.neuron_at) {
    ++first_rank_[network.placements[neuron].core + 1];
  }
  for (std::uint32_t core = 0; core < chip.cores(); ++core) {
    first_rank_[core + 1] += first_rank_[core];
  }
}

/// Time of the neurons of ranks [begin, end) of one core, without their spikes.
double Traffic::visit_s(std::uint32_t begin, std::uint32_t end,
                        const std::vector<std::uint64_t>& updated) const {
  if (begin == end) return 0.0;
  const auto site = [&](std::uint32_t rank) {
    return layout_.site_of[layout_.place_of[layout_.neuron_at[rank]]];
  };
  const std::uint32_t first = site(begin);
  if (alike_[layout_.sites[first].core] != 0) {
    return (end - begin) * times_[first].access_s +
           count_bits(updated, begin, end) * times_[first].update_s;
  }
  double time = 0.0;
  for (std::uint32_t rank = begin; rank < end; ++rank) {
    const SomaTimes& times = times_[site(rank)];
    time += times.access_s;
    if ((updated[rank / 64] >> (rank % 64) & 1) != 0) time += times.update_s;
  }
  return time;
}

std::uint32_t Traffic::cycles(double seconds) const {
  const double cycles = seconds / cycle_s_;
  if (cycles > std::numeric_limits<std::uint32_t>::max()) {
    throw Error(ErrorKind::numeric,
                "a simulated network: a core takes " + std::to_string(seconds) +
                    " s from one message to the next; at most 2^32 - 1 cycles of 1 ns are counted");
  }
  return static_cast<std::uint32_t>(std::llround(cycles));
}

void Traffic::send(std::uint32_t neuron, double& elapsed_s, std::vector<Message>& messages) const {
  const AxonClass& axon = axons_.of(neuron);
  const double out_s = chip_.core(axon.core).message_out.latency_s;
  for (const MessageRun& run : axons_.runs(axons_.fan_out(axon))) {
    std::uint32_t to = run.core;
    for (const double processing_s : axons_.processing_s(run)) {
      messages.push_back({.to = to++,
                          .generation = cycles(elapsed_s + out_s),
                          .processing = cycles(processing_s)});
      elapsed_s = 0.0;
    }
  }
}

void Traffic::write(const Somas& somas, StepTraffic& traffic) const {
  const auto& fired = somas.fired();
  const auto& updated = somas.updated_ranks();
  traffic.messages.clear();
  traffic.first.resize(chip_.cores() + 1);
  traffic.rest.resize(chip_.cores());
  std::size_t next = 0;
  for (std::uint32_t core = 0; core < chip_.cores(); ++core) {
    traffic.first[core] = static_cast<std::uint32_t>(traffic.messages.size());
    std::uint32_t rank = first_rank_[core];
    double elapsed_s = 0.0;
    for (; next < fired.size() && fired[next] < first_rank_[core + 1]; ++next) {
      const std::uint32_t neuron = layout_.neuron_at[fired[next]];
      elapsed_s += visit_s(rank, fired[next] + 1, updated);
      elapsed_s += times_[layout_.site_of[layout_.place_of[neuron]]].spike_s;
      rank = fired[next] + 1;
      send(neuron, elapsed_s, traffic.messages);
    }
    traffic.rest[core] = cycles(elapsed_s + visit_s(rank, first_rank_[core + 1], updated));
  }
  traffic.first.back() = static_cast<std::uint32_t>(traffic.messages.size());
}

}  // namespace nj::sanafe
