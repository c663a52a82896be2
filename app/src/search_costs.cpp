#include "search_costs.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <utility>

#include <fmt/format.h>

#include "neurojoule/app/report.hpp"
#include "neurojoule/core/parallel.hpp"
#include "neurojoule/energy/conventions.hpp"

namespace nj {
namespace {

std::uint64_t storage_of(const FormatSpace& formats, const Model& model, std::size_t variable,
                         const NumberFormat& format) {
  std::uint64_t bits = 0;
  for (const std::size_t layer : formats.members[variable]) {
    const WeightShape shape = *weight_shape(model.network.layer(formats.layers[layer]).op);
    bits += storage_bits(format, shape.elements(), shape.out);
  }
  return bits;
}

/// A table of `cost(variable, format)`, which is zero for nothing, and for words.
template <class Cost>
CostTable sum_table(const FormatSpace& formats, const Cost& cost) {
  CostTable table{.sums = {{}}};
  auto& added = table.sums[0].added;
  for (const WordChoice& choice : formats.words) added.emplace_back(choice.options.size(), 0.0);
  for (std::size_t v = 0; v < formats.options.size(); ++v) {
    auto& options = added.emplace_back();
    for (const NumberFormat& format : formats.options[v]) options.push_back(cost(v, format));
  }
  return table;
}

/// Integers of the right widths, each of which stands for its own value: of what size they are does
/// not matter, and thresholds fit any membrane.
QuantizedNetwork network_of_widths(const FormatSpace& formats, const BaseActivity& base,
                                   const Candidate& candidate) {
  const std::vector<WeightRule> rules = formats.rules(candidate, {});
  QuantizationSpec spec = base.scenario.quantization;
  spec.layers.clear();
  set_words(spec, formats.words_of(candidate, words_of(spec)));
  for (std::size_t i = 0; i < rules.size(); ++i) {
    WeightRule rule{rules[i].format, ScaleRule::fixed, 1.0};
    if (rule.format.scheme != Scheme::uniform) rule.scale = level_magnitudes(rule.format).back();
    spec.layers.push_back({base.model.network.layer(formats.layers[i]).name, rule});
  }
  return quantize(base.model, spec);
}

/// Energy of a candidate, or why it does not run on the chip.
struct Priced {
  std::optional<Picojoules> energy;
  std::string reason;
};

Priced priced(const FormatSpace& formats, const BaseActivity& base, const Candidate& candidate) {
  try {
    return {base.chip->energy(network_of_widths(formats, base, candidate), base.traces), ""};
  } catch (const MisfitError& error) {
    return {std::nullopt, error.reasons().front().message};
  }
}

/// Takes formats away that no candidate can have on the chip. `found`: by variable of formats.
void leave_out(FormatSpace& formats, const BaseActivity& base,
               std::span<const std::vector<Priced>> found) {
  for (std::size_t v = 0; v < formats.options.size(); ++v) {
    std::vector<NumberFormat> left;
    for (std::size_t o = 0; o < formats.options[v].size(); ++o) {
      if (found[v][o].energy) left.push_back(formats.options[v][o]);
    }
    if (left.empty()) {
      const LayerId first = formats.layers[formats.members[v].front()];
      throw Error(ErrorKind::config,
                  fmt::format("the chip takes none of the formats of '{}': {}",
                              base.model.network.layer(first).name, found[v].front().reason),
                  {.file = base.scenario.file.string(), .key = "search.formats"});
    }
    formats.space.options[formats.words.size() + v] = static_cast<std::uint32_t>(left.size());
    formats.options[v] = std::move(left);
  }
}

/// Each format with all layers alike where they have it, and as the base where not.
std::vector<std::vector<Priced>> priced_alike(const FormatSpace& formats, const BaseActivity& base,
                                              const Candidate& of) {
  std::vector<std::vector<Priced>> alike(formats.options.size());
  std::vector<std::pair<NumberFormat, Priced>> tried;
  for (std::size_t v = 0; v < formats.options.size(); ++v) {
    for (const NumberFormat& format : formats.options[v]) {
      auto known = std::find_if(tried.begin(), tried.end(),
                                [&](const auto& t) { return t.first == format; });
      if (known == tried.end()) {
        Candidate all = of;
        for (std::size_t w = 0; w < formats.options.size(); ++w) {
          const auto& options = formats.options[w];
          const auto same = std::find(options.begin(), options.end(), format);
          if (same == options.end()) continue;
          all[formats.words.size() + w] = static_cast<std::uint16_t>(same - options.begin());
        }
        tried.emplace_back(format, priced(formats, base, all));
        known = tried.end() - 1;
      }
      alike[v].push_back(known->second);
    }
  }
  return alike;
}

/// A candidate with each option of each variable in turn; nothing for variables that choose.
std::vector<std::vector<Priced>> priced_singly(const FormatSpace& formats, const BaseActivity& base,
                                               const CostTable& table, const Candidate& of,
                                               unsigned threads) {
  std::vector<std::pair<std::size_t, std::size_t>> places;
  std::vector<std::vector<Priced>> found(of.size());
  for (std::size_t v = 0; v < of.size(); ++v) {
    found[v].resize(formats.space.options[v]);
    if (std::count(table.choosing.begin(), table.choosing.end(), v) > 0) continue;
    for (std::size_t o = 0; o < found[v].size(); ++o) places.emplace_back(v, o);
  }
  parallel_for(places.size(), 1, threads, [&](std::size_t i, std::size_t) {
    const auto [v, o] = places[i];
    Candidate candidate = of;
    candidate[v] = static_cast<std::uint16_t>(o);
    found[v][o] = priced(formats, base, candidate);
  });
  return found;
}

/// What they add to `sum.base`.
void add_options(const FormatSpace& formats, const BaseActivity& base,
                 const std::vector<std::vector<Priced>>& found, const CostTable& table,
                 CostSum& sum) {
  for (std::size_t v = 0; v < found.size(); ++v) {
    auto& added = sum.added.emplace_back();
    const bool chooses = std::count(table.choosing.begin(), table.choosing.end(), v) > 0;
    for (std::size_t o = 0; o < found[v].size(); ++o) {
      const Priced& option = found[v][o];
      if (!chooses && !option.energy) {
        const WordChoice& choice = formats.words[v];
        throw Error(ErrorKind::config,
                    fmt::format("the chip does not take {}: {}",
                                short_text(choice.options[o], choice.word), option.reason),
                    {.file = base.scenario.file.string(),
                     .key = fmt::format("search.words.{}", to_string(choice.word))});
      }
      added.push_back(chooses ? 0.0 : option.energy->value() - sum.base);
    }
  }
}

/// Costs that have been measured.
class Remembered {
 public:
  explicit Remembered(std::function<double(const Candidate&)> measure)
      : measure_(std::move(measure)) {}

  double operator()(const Candidate& candidate) {
    const std::scoped_lock lock(mutex_);
    const auto known = costs_.find(candidate);
    if (known != costs_.end()) return known->second;
    return costs_.emplace(candidate, measure_(candidate)).first->second;
  }

 private:
  std::function<double(const Candidate&)> measure_;
  std::mutex mutex_;
  std::map<Candidate, double> costs_;
};

/// A cost that is measured for each candidate. The cheapest is looked for from the narrowest one
/// on, variable by variable, until nothing helps.
template <class Measure>
CandidateCost measured_cost(const FormatSpace& formats, const BaseActivity& base,
                            const Measure& measure) {
  const auto remembered = std::make_shared<Remembered>([=, &base](const Candidate& candidate) {
    try {
      return measure(network_of_widths(formats, base, candidate));
    } catch (const MisfitError&) {
      return forever;
    }
  });
  CandidateCost cost{[=](const Candidate& candidate) { return (*remembered)(candidate); }, {}};
  Candidate best = widest_candidate(formats, base.model);
  const CostTable storage = storage_table(formats, base.model);
  const Candidate narrowest = storage.cheapest();
  std::copy(narrowest.begin() + static_cast<std::ptrdiff_t>(formats.words.size()), narrowest.end(),
            best.begin() + static_cast<std::ptrdiff_t>(formats.words.size()));
  for (bool better = true; better;) {
    better = false;
    for (std::size_t v = 0; v < best.size(); ++v) {
      for (std::uint16_t option = 0; option < formats.space.options[v]; ++option) {
        Candidate other = best;
        other[v] = option;
        if (cost.of(other) >= cost.of(best)) continue;
        best = std::move(other);
        better = true;
      }
    }
  }
  cost.cheapest = std::move(best);
  return cost;
}

}  // namespace

Candidate widest_candidate(const FormatSpace& formats, const Model& model) {
  Candidate candidate;
  for (const WordChoice& choice : formats.words) {
    const auto widest = std::max_element(
        choice.options.begin(), choice.options.end(),
        [&](const auto& a, const auto& b) { return a.bits(choice.word) < b.bits(choice.word); });
    candidate.push_back(static_cast<std::uint16_t>(widest - choice.options.begin()));
  }
  for (std::size_t v = 0; v < formats.options.size(); ++v) {
    std::size_t widest = 0;
    for (std::size_t o = 1; o < formats.options[v].size(); ++o) {
      if (storage_of(formats, model, v, formats.options[v][o]) >
          storage_of(formats, model, v, formats.options[v][widest])) {
        widest = o;
      }
    }
    candidate.push_back(static_cast<std::uint16_t>(widest));
  }
  return candidate;
}

CostTable storage_table(const FormatSpace& formats, const Model& model) {
  return sum_table(formats, [&](std::size_t v, const NumberFormat& format) {
    return static_cast<double>(storage_of(formats, model, v, format));
  });
}

CostTable effective_bits_table(const FormatSpace& formats, const Model& model) {
  std::uint64_t elements = 0;
  for (const LayerId id : formats.layers) {
    elements += weight_shape(model.network.layer(id).op)->elements();
  }
  CostTable table = storage_table(formats, model);
  for (auto& options : table.sums[0].added) {
    for (double& bits : options) bits /= static_cast<double>(elements);
  }
  return table;
}

CostTable linear_bits_table(const FormatSpace& formats, const BaseActivity& base) {
  const PreparedRun prepared{.scenario = base.scenario,
                             .hash = "",
                             .dataset = nullptr,
                             .network = base.network,
                             .populations = populations(base.network.network()),
                             .chip = std::nullopt};
  RunResult result;
  result.samples = base.samples;
  result.activity = base.activity;
  std::vector<LayerWork> works = layer_work(prepared, result);
  return sum_table(formats, [&](std::size_t v, const NumberFormat& format) {
    double energy = 0.0;
    for (const std::size_t layer : formats.members[v]) {
      const std::string& name = base.model.network.layer(formats.layers[layer]).name;
      for (LayerWork& work : works) {
        auto* weighted = std::get_if<WeightedWork>(&work.work);
        if (weighted == nullptr || work.name != name) continue;
        weighted->weight_bits = format.bits;
        energy += cost(Convention::linear_bits, work).energy().value();
      }
    }
    return energy;
  });
}

CostTable energy_table(FormatSpace& formats, const BaseActivity& base, unsigned threads) {
  const std::size_t words = formats.words.size();
  CostTable table;
  for (std::size_t w = 0; w < words; ++w) {
    const SharedWord word = formats.words[w].word;
    if (word != SharedWord::accumulator && word != SharedWord::stream) continue;
    table.choosing.push_back(w);
    table.choosing_among.push_back(formats.words[w].options.size());
  }
  while (table.sums.size() < table.combinations()) {
    const SearchSpace before = formats.space;
    const auto widest = [&] {
      Candidate candidate = widest_candidate(formats, base.model);
      table.choose(candidate, table.sums.size());
      return candidate;
    };
    leave_out(formats, base, priced_alike(formats, base, widest()));
    const Candidate of = widest();
    const auto found = priced_singly(formats, base, table, of, threads);
    leave_out(formats, base, std::span(found).subspan(words));
    if (formats.space.options != before.options) {
      table.sums.clear();  // what was left out is in none of them
      continue;
    }
    CostSum& sum = table.sums.emplace_back();
    sum.base = base.chip->energy(network_of_widths(formats, base, of), base.traces).value();
    add_options(formats, base, found, table, sum);
  }
  return table;
}

CandidateCost cost_of(CostTable table) {
  Candidate cheapest = table.cheapest();
  return {[table = std::move(table)](const Candidate& candidate) { return table.of(candidate); },
          std::move(cheapest)};
}

CandidateCost latency_cost(const FormatSpace& formats, const BaseActivity& base) {
  return measured_cost(formats, base, [&base](const QuantizedNetwork& network) {
    return static_cast<double>(base.chip->latency(network, base.traces).value());
  });
}

CandidateCost memory_cost(const FormatSpace& formats, const BaseActivity& base) {
  return measured_cost(formats, base, [&base](const QuantizedNetwork& network) {
    return static_cast<double>(base.chip->memory(network).value());
  });
}

CandidateCost area_cost(const FormatSpace& formats, const BaseActivity& base) {
  return measured_cost(formats, base, [&base](const QuantizedNetwork& network) {
    return base.chip->area(network).value();
  });
}

Picojoules linear_bits_energy(const PreparedRun& prepared, const RunResult& result) {
  return cost(Convention::linear_bits, layer_work(prepared, result)).energy();
}

}  // namespace nj
