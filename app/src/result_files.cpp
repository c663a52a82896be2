#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "neurojoule/app/data_files.hpp"
#include "neurojoule/app/report.hpp"
#include "neurojoule/app/stored_run.hpp"
#include "neurojoule/core/atomic_file.hpp"
#include "neurojoule/core/attention_operations.hpp"
#include "neurojoule/core/hdf5_file.hpp"
#include "neurojoule/energy/uncertainty.hpp"

#include "csv_field.hpp"
#include "mapping_json.hpp"

namespace nj {
namespace {

using Json = nlohmann::ordered_json;

Json counts_json(const RunCounts& counts) {
  return {{"spikes", counts.spikes},
          {"synaptic_events", counts.synaptic_events},
          {"neuron_updates", counts.neuron_updates},
          {"packets", counts.packets},
          {"hops", counts.hops},
          {"memory_bits_read", counts.memory_bits_read},
          {"memory_bits_written", counts.memory_bits_written}};
}

Json energy_json(Picojoules total, const std::map<Category, Picojoules>& by_category) {
  Json json = {{"total", total.value()}};
  for (const Category category : all_categories) {
    const auto entry = by_category.find(category);
    json[std::string(to_string(category))] =
        entry == by_category.end() ? 0.0 : entry->second.value();
  }
  return json;
}

Json conventions_json(const std::vector<LayerWork>& layers) {
  Json json;
  for (const Convention convention : all_conventions) {
    const ConventionCost costs = cost(convention, layers);
    json[std::string(to_string(convention))] = {
        {"macs", costs.macs}, {"acs", costs.acs}, {"energy_pj", costs.energy().value()}};
  }
  return json;
}

Json neurobench_json(const PreparedRun& prepared, const EffectiveActivity& effective) {
  const EffectiveOperations total = effective.total();
  const auto per_sample = [&](std::uint64_t count) {
    return static_cast<double>(count) / static_cast<double>(effective.samples);
  };
  return {{"samples", effective.samples},
          {"effective_macs", per_sample(total.macs)},
          {"effective_acs", per_sample(total.acs)},
          {"dense", per_sample(total.dense)},
          {"activation_sparsity", effective.activation_sparsity()},
          {"footprint_bytes", footprint_bytes(prepared.network)}};
}

Json layer_json(const LayerRow& row, bool priced) {
  Json json = {{"name", row.name}, {"parts", row.parts}, {"kind", row.kind}};
  if (row.weights != 0) {
    json["weight_format"] = row.weight_format;
    json["weights"] = row.weights;
    json["effective_bits"] = row.effective_bits;
  }
  json["firing_rate"] = row.firing_rate;
  json["saturations"] = row.saturations;
  json["counts"] = counts_json(row.counts);
  if (priced) json["energy_pj"] = energy_json(row.total_energy(), row.energy);
  if (row.busy) json["busy_ps"] = row.busy->value();
  return json;
}

std::string predictions_csv(const PreparedRun& prepared, const RunResult& result) {
  std::string text = "sample,label,prediction\n";
  for (std::size_t i = 0; i < result.predictions.size(); ++i) {
    text += fmt::format("{},{},{}\n", prepared.dataset->image_index(i), prepared.dataset->label(i),
                        result.predictions[i]);
  }
  return text;
}

/// `samples/<i>/<layer>`: bit-packed words [T, words] of binary layers, 16-bit integers
/// [T, H, W, C] of graded ones; the attribute `shape` of each is its [C, H, W].
void write_spikes(const PreparedRun& prepared, const ChipResult& chip,
                  const std::filesystem::path& file) {
  Hdf5Writer writer(file);
  const Network& network = prepared.network.network();
  for (std::size_t sample = 0; sample < chip.traces.size(); ++sample) {
    for (std::uint32_t layer = 0; layer < network.size(); ++layer) {
      const auto& train = chip.traces[sample][layer];
      if (!train) continue;
      const std::string path = fmt::format("/samples/{}/{}", sample, network.layer({layer}).name);
      const std::uint32_t steps = timesteps_of(*train);
      const FeatureShape& shape = shape_of(*train);
      if (const auto* spikes = std::get_if<SpikeTensor>(&*train)) {
        std::vector<std::uint64_t> words;
        for (std::uint32_t t = 0; t < steps; ++t) {
          words.insert(words.end(), spikes->step(t).begin(), spikes->step(t).end());
        }
        writer.write<std::uint64_t>(path, words, {steps, spikes->words_per_step()});
      } else {
        const auto& graded = std::get<GradedTensor>(*train);
        std::vector<std::int16_t> values;
        for (std::uint32_t t = 0; t < steps; ++t) {
          values.insert(values.end(), graded.step(t).begin(), graded.step(t).end());
        }
        writer.write<std::int16_t>(path, values,
                                   {steps, shape.height, shape.width, shape.channels});
      }
      writer.attribute(path, "shape", to_string(shape));
    }
  }
  writer.commit();
}

}  // namespace

std::string result_json(const PreparedRun& prepared, const RunResult& result) {
  Json json = {{"name", prepared.scenario.name},
               {"version", std::string(version())},
               {"scenario_hash", prepared.hash},
               {"samples", result.samples},
               {"correct", nullptr},
               {"accuracy", nullptr},
               {"timesteps", result.activity.timesteps},
               {"effective_bits", mean_effective_bits(prepared.network)},
               {"weight_storage_bits", prepared.network.weight_storage_bits()}};
  if (prepared.has_classifier) {
    json["correct"] = result.correct;
    json["accuracy"] = result.accuracy();
  }
  json["conventions"] = conventions_json(layer_work(prepared, result));
  json["neurobench"] = neurobench_json(prepared, result.effective);
  if (result.chip) {
    const ChipResult& chip = *result.chip;
    json["chip"] = prepared.chip->chip.spec().name;
    json["prices"] = chip.ledger.table;
    json["chip_samples"] = chip.samples;
    json["timing"] = std::string(to_string(prepared.scenario.chip->timing));
    json["energy_pj"] = energy_json(chip.ledger.total(), energy_by_category(chip.ledger));
    const EnergyRange range = energy_range(chip.ledger);
    json["energy_range_pj"] = {{"low", range.low.value()},
                               {"p5", range.p5.value()},
                               {"p95", range.p95.value()},
                               {"high", range.high.value()}};
    json["latency_ps"] = mean_latency(chip).value();
    json["interval_ps"] = chip.interval.value();
    json["mapping"] = mapping_json(prepared, chip);
    json["counts"] = counts_json(run_counts(result));
    json["per_inference"] = {{"energy_pj", energy_per_inference(chip).value()},
                             {"latency_ps", mean_latency(chip).value()}};
  }
  Json layers = Json::array();
  for (const LayerRow& row : layer_rows(prepared, result)) {
    layers.push_back(layer_json(row, result.chip.has_value()));
  }
  json["layers"] = std::move(layers);
  return json.dump(2) + "\n";
}

std::string layers_csv(const PreparedRun& prepared, const RunResult& result) {
  std::string text =
      "name,kind,weight_format,weights,effective_bits,firing_rate,saturations,spikes,"
      "synaptic_events,neuron_updates,packets,hops,memory_bits_read,memory_bits_written,energy_pj";
  for (const Category category : all_categories) text += fmt::format(",{}_pj", to_string(category));
  text += ",busy_ps\n";
  for (const LayerRow& row : layer_rows(prepared, result)) {
    const RunCounts& c = row.counts;
    text +=
        fmt::format("{},{},{},{},{},{},{},{},{},{},{},{},{},{},{}", csv_field(row.name), row.kind,
                    row.weight_format, row.weights, row.effective_bits, row.firing_rate,
                    row.saturations, c.spikes, c.synaptic_events, c.neuron_updates, c.packets,
                    c.hops, c.memory_bits_read, c.memory_bits_written, row.total_energy().value());
    for (const Category category : all_categories) {
      const auto entry = row.energy.find(category);
      text += fmt::format(",{}", entry == row.energy.end() ? 0.0 : entry->second.value());
    }
    text += fmt::format(",{}\n", row.busy ? fmt::format("{}", row.busy->value()) : "");
  }
  return text;
}

std::string activity_csv(const PreparedRun& prepared, const RunResult& result) {
  std::string text =
      "layer,step,spikes,spike_values,binary_accumulates,graded_multiplies,attention_coincidences,"
      "attention_accumulates,transposed_coincidences,transposed_accumulates,neuron_updates,"
      "stream_additions,overflows,saturations\n";
  const Network& network = prepared.network.network();
  for (std::uint32_t i = 0; i < network.size(); ++i) {
    for (std::uint32_t t = 0; t < result.activity.timesteps; ++t) {
      const StepCounts& c = result.activity.layers[i].steps[t];
      text +=
          fmt::format("{},{},{},{},{},{},{},{},{},{},{},{},{},{}\n",
                      csv_field(network.layer({i}).name), t, c.spikes, c.spike_values,
                      c.binary_accumulates, c.graded_multiplies, c.attention_coincidences,
                      c.attention_accumulates, c.transposed_coincidences, c.transposed_accumulates,
                      c.neuron_updates, c.stream_additions, c.overflows, c.saturations);
    }
  }
  return text;
}

std::string attention_csv(const PreparedRun& prepared, const RunResult& result) {
  std::string text = "layer,product,dense,gated,coincident\n";
  const Network& network = prepared.network.network();
  for (std::uint32_t i = 0; i < network.size(); ++i) {
    const LayerSpec& layer = network.layer({i});
    if (!std::holds_alternative<SpikingSelfAttention>(layer.op)) continue;
    const AttentionOperations all = attention_operations(network, {i}, result.activity);
    const auto add = [&](std::string_view product, const ProductOperations& operations) {
      text += fmt::format("{},{},{},{},{}\n", csv_field(layer.name), product, operations.dense,
                          operations.gated, operations.coincident);
    };
    add("Q K^T", all.scores);
    add("(Q K^T) V", all.score_values);
    add("K^T V", all.key_values);
    add("Q (K^T V)", all.query_values);
  }
  return text;
}

std::string ledger_csv(const Ledger& ledger, std::span<const std::string> layers) {
  std::string text =
      "component,action,width_bits,value_bits,layer,count,unit_price_pj,energy_pj,category,low,"
      "high,source,"
      "note\n";
  for (const LedgerRow& row : ledger.rows) {
    const std::string layer = row.layer == chip_overhead ? "" : layers[row.layer.index];
    text += fmt::format("{},{},{},{},{},{},{},{},{},{},{},{},{}\n", csv_field(row.component),
                        to_string(row.action), row.width_bits, row.value_bits, csv_field(layer),
                        row.count, row.unit_price_pj, row.energy_pj, to_string(row.category),
                        row.low, row.high, csv_field(row.source), csv_field(row.note));
  }
  return text;
}

std::string uncertainty_csv(const Ledger& ledger) {
  const double total = ledger.total().value();
  std::string text = "source,low,high,energy_pj,total_low_pj,total_high_pj\n";
  for (const UncertainPrice& price : uncertain_prices(ledger)) {
    const double energy = price.energy.value();
    text +=
        fmt::format("{},{},{},{},{},{}\n", csv_field(price.source), price.low, price.high, energy,
                    total + energy * (price.low - 1), total + energy * (price.high - 1));
  }
  return text;
}

std::string ledger_csv(const PreparedRun& prepared, const RunResult& result) {
  std::vector<std::string> layers;
  for (const LayerSpec& layer : prepared.network.network().layers()) layers.push_back(layer.name);
  return ledger_csv(result.chip->ledger, layers);
}

void write_results(const PreparedRun& prepared, const RunResult& result,
                   const std::filesystem::path& directory, SeriesFile* series) {
  std::error_code code;
  std::filesystem::create_directories(directory, code);
  if (code) {
    throw Error(ErrorKind::io, "cannot be created: " + code.message(),
                {.file = directory.string()});
  }
  // Files of an earlier run must not be taken for parts of this one.
  for (const char* name :
       {"result.json", "ledger.csv", "predictions.csv", "spikes.h5", "attention.csv", "array.csv",
        "uncertainty.csv", "mapping.csv", "mapping.yaml", "chip.resolved.yaml", "trace.json",
        "heatmap.svg", "critical_path.csv", "units.csv", "series.h5", "baselines.csv",
        "baselines.svg"}) {
    std::filesystem::remove(directory / name, code);
  }
  write_file_atomically(directory / "scenario.resolved.yaml", to_yaml(prepared.scenario));
  write_file_atomically(directory / "layers.csv", layers_csv(prepared, result));
  write_file_atomically(directory / "activity.csv", activity_csv(prepared, result));
  write_file_atomically(directory / "conventions.csv", conventions_csv(prepared, result));
  const auto layers = prepared.network.network().layers();
  const bool attends = std::any_of(layers.begin(), layers.end(), [](const LayerSpec& layer) {
    return std::holds_alternative<SpikingSelfAttention>(layer.op);
  });
  if (attends) {
    write_file_atomically(directory / "attention.csv", attention_csv(prepared, result));
  }
  if (result.chip) {
    write_file_atomically(directory / "chip.resolved.yaml", prepared.chip->chip_file);
    write_file_atomically(directory / "ledger.csv", ledger_csv(prepared, result));
    write_file_atomically(directory / "uncertainty.csv", uncertainty_csv(result.chip->ledger));
    if (result.chip->baselines) {
      write_file_atomically(directory / "baselines.csv", baselines_csv(prepared, result));
      write_file_atomically(directory / "baselines.svg", baselines_svg(prepared, result));
    }
    write_file_atomically(directory / "mapping.csv", mapping_csv(prepared, result));
    write_file_atomically(directory / "critical_path.csv", critical_path_csv(prepared, result));
    if (prepared.chip->chip.spec().array) {
      write_file_atomically(directory / "array.csv", array_csv(prepared, result));
    } else {
      write_file_atomically(directory / "mapping.yaml", mapping_yaml(prepared, result));
    }
    write_file_atomically(directory / "units.csv", units_csv(prepared, result));
    if (has_heatmap(prepared.chip->chip)) {
      write_file_atomically(directory / "heatmap.svg", heatmap_svg(prepared, result));
    }
    if (result.chip->traced) write_trace(prepared, result, directory / "trace.json");
  }
  if (prepared.scenario.outputs.predictions) {
    write_file_atomically(directory / "predictions.csv", predictions_csv(prepared, result));
  }
  if (prepared.scenario.outputs.spikes && result.chip) {
    write_spikes(prepared, *result.chip, directory / "spikes.h5");
  }
  if (series != nullptr) series->finish(result);
  write_file_atomically(directory / "result.json", result_json(prepared, result));
}

}  // namespace nj
