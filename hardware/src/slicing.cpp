#include "neurojoule/hardware/slicing.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "neurojoule/hardware/population_graph.hpp"
#include "neurojoule/hardware/simulate.hpp"

#include "cuts.hpp"
#include "footprint.hpp"
#include "place.hpp"
#include "plan.hpp"
#include "trains.hpp"

namespace nj {

std::string_view to_string(Slicing slicing) {
  return slicing == Slicing::fewest ? "fewest" : "fastest";
}

namespace {

/// Each round takes one of so many parts off the longest work. Packets that more slices get cost
/// their senders time, which the next round then knows.
constexpr std::int64_t round_parts = 4;
/// So many rounds without less work are the last ones.
constexpr int fruitless_rounds = 5;

/// How long the busiest core of a population works.
struct Work {
  Picoseconds neurons;   ///< neuron and encoder unit, one after the other
  Picoseconds synapses;  ///< the synapse unit, beside these
  [[nodiscard]] Picoseconds longest() const { return std::max(neurons, synapses); }
};

/// What these times grow with.
struct Size {
  double neurons = 0;
  double synapses = 0;
};

double in_proportion(Picoseconds time, double load, double measured_load) {
  return static_cast<double>(time.value()) * (load / measured_load);
}

/// How a population is cut, and how it could be cut further.
class Ladder {
 public:
  Ladder(std::uint32_t population, const SliceNeeds& needs, std::uint32_t kind,
         const CoreKindSpec& spec, const Cut& cut)
      : population_(population), needs_(needs), kind_(kind), spec_(&spec), cut_(cut) {}

  /// `work` is that of the present cut. Finds all cuts of at most `most` slices that take less time
  /// than any with fewer.
  void measure(const Work& work, std::uint64_t most) {
    const Size now = load(cut_);
    time_ = static_cast<double>(work.longest().value());
    std::vector<Rung> all;
    for_each_cut(needs_, most, [&](const Cut& cut) {
      if (cut.slices() <= cut_.slices()) return;
      const Size then = load(cut);
      all.push_back({cut, std::max(in_proportion(work.neurons, then.neurons, now.neurons),
                                   in_proportion(work.synapses, then.synapses, now.synapses))});
    });
    std::stable_sort(all.begin(), all.end(), [](const Rung& a, const Rung& b) {
      return std::pair(a.cut.slices(), a.time) < std::pair(b.cut.slices(), b.time);
    });
    rungs_.clear();
    for (const Rung& rung : all) {
      const double least = rungs_.empty() ? time_ : rungs_.back().time;
      const SliceSize largest = largest_slice(needs_, rung.cut);
      if (rung.time < least && fits(footprint(needs_, largest, *spec_), *spec_)) {
        rungs_.push_back(rung);
      }
    }
    std::reverse(rungs_.begin(), rungs_.end());
  }

  /// The next cut takes `added` slices more; 0 where there is none.
  [[nodiscard]] std::uint64_t added() const {
    return rungs_.empty() ? 0 : rungs_.back().cut.slices() - cut_.slices();
  }
  void climb() {
    cut_ = rungs_.back().cut;
    time_ = rungs_.back().time;
    rungs_.pop_back();
  }

  [[nodiscard]] double time() const { return time_; }
  [[nodiscard]] std::uint32_t population() const { return population_; }
  [[nodiscard]] std::uint32_t kind() const { return kind_; }
  [[nodiscard]] std::uint64_t slices() const { return cut_.slices(); }
  void add_to(std::vector<LayerSlice>& slices) const {
    add_slices(population_, needs_, cut_, slices);
  }

 private:
  struct Rung {
    Cut cut;
    double time = 0;
  };
  [[nodiscard]] Size load(const Cut& cut) const {
    const SliceSize size = largest_slice(needs_, cut);
    const double positions = static_cast<double>(size.rows) * size.columns;
    const double neurons = positions * size.channels;
    const Picoseconds position = position_work(*needs_.op, needs_.lead, size.channels, *spec_).time;
    const bool weighs = has_weights(*needs_.op) && position > Picoseconds{};
    return {neurons, weighs ? positions * static_cast<double>(position.value()) : neurons};
  }

  std::uint32_t population_ = 0;
  SliceNeeds needs_;
  std::uint32_t kind_ = 0;
  const CoreKindSpec* spec_ = nullptr;
  Cut cut_;
  double time_ = 0;
  std::vector<Rung> rungs_;  ///< the last one is next
};

/// All populations with slices, on the cores of a chip. Those that share cores stay as they are,
/// and those whose slices are no even cut.
class Slicer {
 public:
  Slicer(const Network& network, std::span<const Population> populations,
         std::span<const LayerWidths> widths, const Chip& chip, const Mapping& mapping)
      : chip_(chip), kind_of_(populations.size()), stays_(sharing(mapping, populations.size())) {
    const PopulationGraph graph = population_graph(network, populations, chip.reads_frames());
    const std::vector<Parts> parts = parts_of(network, populations, mapping);
    std::vector<std::uint64_t> slices(populations.size(), 0);
    for (const LayerSlice& slice : mapping.slices) ++slices[slice.population];
    for (std::size_t p = 0; p < parts.size(); ++p) {
      if (slices[p] != 0 && slices[p] != parts[p].cut.slices()) stays_[p] = true;
    }
    for (std::uint32_t k = 0; k < chip.spec().core_kinds.size(); ++k) {
      free_.push_back(chip.cores_of_kind(k));
    }
    for (const UsedCore& used : used_cores(mapping)) --free_[chip.core(used.core).kind];
    for (const LayerSlice& slice : mapping.slices) {
      const std::uint32_t p = slice.population;
      const std::uint32_t kind = chip.core(slice.core).kind;
      kind_of_[p] = kind;
      if (stays_[p]) kept_.push_back(slice);
      if (stays_[p] || (!ladders_.empty() && ladders_.back().population() == p)) continue;
      ladders_.emplace_back(p, slice_needs(network, populations[p], widths, graph.slots[p], chip),
                            kind, chip.spec().core_kinds[kind], parts[p].cut);
    }
  }

  /// Cuts those further that work longest, until all are done within `enough` or there are no cores
  /// for the next; `work`, by population, is that of the present slices.
  void cut(std::span<const Work> work, Picoseconds enough) {
    for (Ladder& ladder : ladders_) {
      ladder.measure(work[ladder.population()], ladder.slices() + free_[ladder.kind()]);
    }
    while (!ladders_.empty()) {
      Ladder& longest =
          *std::max_element(ladders_.begin(), ladders_.end(),
                            [](const Ladder& a, const Ladder& b) { return a.time() < b.time(); });
      const std::uint64_t added = longest.added();
      if (added == 0 || added > free_[longest.kind()]) return;
      if (longest.time() <= static_cast<double>(enough.value())) return;
      free_[longest.kind()] -= added;
      longest.climb();
    }
  }

  [[nodiscard]] Mapping mapping() const {
    std::vector<LayerSlice> slices = kept_;
    for (const Ladder& ladder : ladders_) ladder.add_to(slices);
    std::stable_sort(slices.begin(), slices.end(), [](const LayerSlice& a, const LayerSlice& b) {
      return a.population < b.population;
    });
    std::vector<std::uint32_t> kinds;
    std::vector<std::uint32_t> groups;
    for (const LayerSlice& slice : slices) {
      const auto alone = static_cast<std::uint32_t>(max_cores + groups.size());
      kinds.push_back(kind_of_[slice.population]);
      groups.push_back(stays_[slice.population] ? slice.core.index : alone);
    }
    return place_in_order(chip_, std::move(slices), kinds, groups);
  }

 private:
  /// By population: a slice of it shares its core.
  static std::vector<bool> sharing(const Mapping& mapping, std::size_t populations) {
    std::vector<bool> shares(populations, false);
    for (const UsedCore& used : used_cores(mapping)) {
      if (used.slices.size() == 1) continue;
      for (const std::uint32_t s : used.slices) shares[mapping.slices[s].population] = true;
    }
    return shares;
  }

  const Chip& chip_;
  std::vector<std::uint64_t> free_;     ///< per core kind: cores without a slice
  std::vector<std::uint32_t> kind_of_;  ///< core kind by population
  std::vector<bool> stays_;             ///< by population
  std::vector<LayerSlice> kept_;        ///< of these
  std::vector<Ladder> ladders_;
};

/// By population, of one sample.
std::vector<Work> work_of(const SimulationResult& result, const Mapping& mapping,
                          std::size_t populations) {
  std::vector<Work> work(populations);
  for (std::size_t s = 0; s < mapping.slices.size(); ++s) {
    const UnitTimes& busy = result.slices[s];
    Work& longest = work[mapping.slices[s].population];
    longest.neurons = std::max(longest.neurons, busy.neuron_unit + busy.encoder_unit);
    longest.synapses = std::max(longest.synapses, busy.synapse_unit);
  }
  return work;
}

Picoseconds longest(std::span<const Work> work) {
  Picoseconds most;
  for (const Work& one : work) most = std::max(most, one.longest());
  return most;
}

}  // namespace

Mapping faster_slices(const Network& network, std::span<const Population> populations,
                      std::span<const LayerWidths> widths, const Chip& chip, Mapping mapping,
                      const SpikeTrace& sample,
                      const std::function<void(std::size_t, std::size_t)>& progress) {
  if (chip.spec().array) return mapping;
  // Work is the same at all levels.
  const TimingLevel level = chip.spec().only_events() ? TimingLevel::event : TimingLevel::analytic;
  const auto run = [&](const Mapping& on) {
    return simulate(network, populations, widths, sample, chip, on, {.timing = level});
  };
  Slicer slicer(network, populations, widths, chip, mapping);
  std::vector<Work> work = work_of(run(mapping), mapping, populations.size());
  const Picoseconds ticks =
      chip.spec().tick * std::int64_t{check_trains(network, populations, sample)};
  Picoseconds least = longest(work);
  std::size_t slices = mapping.slices.size();
  for (int fruitless = 0; fruitless <= fruitless_rounds;) {
    if (progress) progress(slices, chip.cores().size());
    const Picoseconds shorter(longest(work).value() / round_parts * (round_parts - 1));
    slicer.cut(work, std::max(ticks, shorter));
    Mapping next = slicer.mapping();
    if (next.slices.size() == slices) break;
    slices = next.slices.size();
    work = work_of(run(next), next, populations.size());
    ++fruitless;
    if (longest(work) >= least) continue;
    fruitless = 0;
    least = longest(work);
    mapping = std::move(next);
  }
  return mapping;
}

}  // namespace nj
