#include "somas.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace nj::sanafe {

namespace {

/// Uniform in [0, 1), as libstdc++ makes it of two 32-bit numbers.
double uniform(std::mt19937& random) {
  const auto low = static_cast<double>(random());
  const auto high = static_cast<double>(random());
  return std::min((low + high * 0x1p32) * 0x1p-64, std::nextafter(1.0, 0.0));
}

}  // namespace

GlibcRandom::GlibcRandom() {
  state_[0] = 1;
  for (std::size_t i = 1; i < 31; ++i) {
    state_[i] = static_cast<std::uint32_t>(std::uint64_t{16807} * state_[i - 1] % 2147483647);
  }
  for (std::size_t i = 31; i < 34; ++i) state_[i] = state_[i - 31];
  for (int i = 34; i < 344; ++i) (void)(*this)();
}

std::uint32_t GlibcRandom::operator()() {
  const auto back = [&](std::size_t steps) {
    return state_[(at_ + state_.size() - steps) % state_.size()];
  };
  const std::uint32_t value = back(31) + back(3);
  state_[at_] = value;
  at_ = (at_ + 1) % state_.size();
  return value >> 1;
}

Somas::Somas(const Architecture& chip, const Network& network, const Layout& layout)
    : network_(network),
      layout_(layout),
      potential_(layout.places + place_padding),
      idle_(layout.segment_words),
      counted_idle_(layout.segment_words),
      rank_bits_((layout.places + 63) / 64),
      updated_ranks_(rank_bits_.size(), ~std::uint64_t{0}),
      spikes_(layout.sites.size()) {
  for (const Site& site : layout.sites) updates_.push_back(site.neurons);
  make_singles(chip);
}

/// Random numbers are those of SANA-FE: its input units are numbered through the chip from 1, and
/// each seeds its generator with its number.
void Somas::make_singles(const Architecture& chip) {
  const auto inputs_of = [&](const CoreKind& kind, std::size_t units) {
    std::uint32_t count = 0;
    for (std::size_t u = 0; u < units; ++u) {
      if (kind.somas[u].model == SomaModel::input) count += kind.somas[u].unit.count;
    }
    return count;
  };
  std::vector<std::uint32_t> before(chip.cores() + 1, 1);
  for (std::uint32_t core = 0; core < chip.cores(); ++core) {
    before[core + 1] = before[core] + inputs_of(chip.core(core), chip.core(core).somas.size());
  }
  std::map<std::uint32_t, std::uint32_t> units;  // number -> index
  for (const std::uint32_t neuron : layout_.others) {
    const std::uint32_t place = layout_.place_of[neuron];
    const Site& site = layout_.sites[layout_.site_of[place]];
    const CoreKind& kind = chip.core(site.core);
    Single single{.place = place,
                  .parameters = network_.parameters_of[neuron],
                  .model = kind.somas[site.soma].model};
    if (single.model == SomaModel::input) {
      const std::uint32_t id = before[site.core] + inputs_of(kind, site.soma) +
                               network_.placements[neuron].soma_instance;
      share_input_unit(single, id, units);
    }
    singles_.push_back(single);
  }
}

void Somas::share_input_unit(Single& single, std::uint32_t id,
                             std::map<std::uint32_t, std::uint32_t>& units) {
  const auto [entry, added] =
      units.try_emplace(id, static_cast<std::uint32_t>(input_units_.size()));
  if (added) input_units_.push_back({.train = {}, .random = std::mt19937(id)});
  single.input_unit = entry->second;
  InputUnit& unit = input_units_[entry->second];
  const NeuronParameters& own = network_.parameters[single.parameters];
  if (own.spike_train != no_index) unit.train = network_.spike_trains[own.spike_train];
  if (own.rate != 0) unit.rate = own.rate;
  if (own.poisson != 0) unit.poisson = own.poisson;
}

void Somas::run(std::uint64_t step, double* inputs) {
  fired_.clear();
  const NeuronRun run{.bias = layout_.bias.data(),
                      .input = inputs,
                      .potential = potential_.data(),
                      .idle = idle_.data(),
                      .fired = &fired_};
  for (const Segment& segment : layout_.segments) {
    update_leaky(segment, network_.parameters[segment.parameters], run);
  }
  for (Single& single : singles_) run_single(single, step, inputs);
  count_idle();
  std::fill(spikes_.begin(), spikes_.end(), 0);
  for (const std::uint32_t place : fired_) ++spikes_[layout_.site_of[place]];
  order_spikes();
}

/// Few neurons change between idle and not: only those are looked at.
void Somas::count_idle() {
  for (const Segment& segment : layout_.segments) {
    const std::uint32_t words = (segment.count + 63) / 64;
    for (std::uint32_t word = 0; word < words; ++word) {
      const std::uint64_t now = idle_[segment.first_word + word];
      std::uint64_t& counted = counted_idle_[segment.first_word + word];
      for (std::uint64_t bits = now ^ counted; bits != 0; bits &= bits - 1) {
        const auto bit = static_cast<std::uint32_t>(std::countr_zero(bits));
        change_idle(segment.begin + 64 * word + bit, (now >> bit & 1) != 0);
      }
      counted = now;
    }
  }
}

void Somas::change_idle(std::uint32_t place, bool idle) {
  updates_[layout_.site_of[place]] += idle ? ~std::uint64_t{0} : 1;
  const std::uint32_t rank = layout_.rank_of[place];
  updated_ranks_[rank / 64] ^= std::uint64_t{1} << (rank % 64);
}

void Somas::order_spikes() {
  fired_ranks_.clear();
  for (const std::uint32_t place : fired_) {
    const std::uint32_t rank = layout_.rank_of[place];
    rank_bits_[rank / 64] |= std::uint64_t{1} << (rank % 64);
  }
  if (fired_.empty()) return;
  for (std::size_t word = 0; word < rank_bits_.size(); ++word) {
    for (std::uint64_t bits = rank_bits_[word]; bits != 0; bits &= bits - 1) {
      fired_ranks_.push_back(
          static_cast<std::uint32_t>(64 * word + static_cast<unsigned>(std::countr_zero(bits))));
    }
    rank_bits_[word] = 0;
  }
}

void Somas::run_single(Single& single, std::uint64_t step, double* inputs) {
  const NeuronParameters& parameters = network_.parameters[single.parameters];
  const double input_now = inputs[single.place];
  inputs[single.place] = no_input;
  const bool touched =
      std::bit_cast<std::uint64_t>(input_now) != std::bit_cast<std::uint64_t>(no_input);
  bool updated = potential_[single.place] != 0 || layout_.bias[single.place] != 0 || touched ||
                 parameters.force_update;
  bool fires = false;
  if (single.model == SomaModel::input) {
    fires = input(single, step);
    updated = false;
  } else if (single.model == SomaModel::truenorth) {
    fires = truenorth(single, parameters, input_now);
  } else {
    fires = leaky(single, parameters, input_now);
  }
  if (fires) fired_.push_back(single.place);
  const bool idle = !fires && !updated;
  if (idle != single.idle) change_idle(single.place, idle);
  single.idle = idle;
}

bool Somas::leaky(Single& single, const NeuronParameters& p, double input) {
  double& v = potential_[single.place];
  v = std::trunc(v * p.leak_decay * 64) / 64;
  if (single.refractory > 0) {
    --single.refractory;
    return false;
  }
  v = (v + layout_.bias[single.place]) + input;
  const bool fires = v > p.threshold;
  if (fires && p.reset_mode == ResetMode::hard) v = p.reset;
  if (fires && p.reset_mode == ResetMode::soft) v -= p.threshold;
  if (fires && p.refractory_delay > 1) single.refractory = p.refractory_delay - 1;
  if (v < p.reverse_threshold) {
    if (p.reverse_reset_mode == ResetMode::hard) v = p.reverse_reset;
    if (p.reverse_reset_mode == ResetMode::soft) v -= p.reverse_threshold;
    if (p.reverse_reset_mode == ResetMode::saturate) v = p.reverse_threshold;
  }
  return fires;
}

bool Somas::truenorth(const Single& single, const NeuronParameters& p, double input) {
  double& v = potential_[single.place];
  if (!p.leak_towards_zero || v < 0) {
    v += p.leak;
  } else if (v > 0) {
    v -= p.leak;
  }
  v = (v + layout_.bias[single.place]) + input;
  const double noisy =
      v + (p.random_mask != 0 ? static_cast<double>(random_() & p.random_mask) : 0.0);
  const bool fires = noisy >= p.threshold;
  if (fires) {
    if (p.reset_mode == ResetMode::hard) v = p.reset;
    if (p.reset_mode == ResetMode::soft) v -= p.threshold;
    if (p.reset_mode == ResetMode::saturate) v = p.threshold;
  } else if (noisy <= p.reverse_threshold) {
    if (p.reverse_reset_mode == ResetMode::hard) v = p.reverse_reset;
    if (p.reverse_reset_mode == ResetMode::soft) v += p.reverse_threshold;
    if (p.reverse_reset_mode == ResetMode::saturate) v = p.reverse_threshold;
  }
  return fires;
}

bool Somas::input(const Single& single, std::uint64_t step) {
  InputUnit& unit = input_units_[single.input_unit];
  bool fires = unit.next < unit.train.size() && unit.train[unit.next++] != 0;
  if (unit.rate > 0) {
    const auto period = static_cast<std::uint64_t>(std::min(std::floor(1 / unit.rate), 0x1p62));
    fires = fires || step % period == 0;
  }
  if (unit.poisson > 0) fires = (uniform(unit.random) < unit.poisson) || fires;
  return fires;
}

}  // namespace nj::sanafe
