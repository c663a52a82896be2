#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "neurojoule/app/search.hpp"
#include "neurojoule/core/atomic_file.hpp"

#include "csv_field.hpp"
#include "text_table.hpp"

namespace nj {
namespace {

using Json = nlohmann::ordered_json;

std::string number(double value) { return fmt::format("{:.10g}", value); }

double drop_of(const SearchResult& result, const SearchPoint& point) {
  return result.reference.test_accuracy() - point.test_accuracy();
}

std::string csv_rows(const SearchResult& result, const std::vector<SearchPoint>& points,
                     bool named) {
  std::string text = named ? "name," : "";
  text +=
      "effective_bits,accuracy,accuracy_drop,test_accuracy,energy_pj,linear_bits_ratio,compression";
  for (const std::string& layer : result.layers) text += "," + csv_field(layer);
  for (const SharedWord word : result.words) text += fmt::format(",{}", to_string(word));
  text += '\n';
  for (const SearchPoint& point : points) {
    if (named) text += csv_field(point.name) + ",";
    text += fmt::format("{},{},{},{},{},{},{}", number(point.effective_bits),
                        number(point.validation.accuracy), number(point.validation.accuracy_drop),
                        number(point.test_accuracy()),
                        point.energy ? number(point.energy->value()) : "",
                        number(point.linear_bits_ratio), number(point.compression()));
    for (const NumberFormat& format : point.formats) text += "," + to_string(format);
    for (const SharedWord word : result.words) text += "," + short_text(point.words, word);
    text += '\n';
  }
  return text;
}

Json json_of(const SearchResult& result, const SearchPoint& point) {
  const ShareInterval interval = wilson_interval(point.test_correct, point.test_samples);
  Json json{{"name", point.name},
            {"effective_bits", point.effective_bits},
            {"compression", point.compression()},
            {"linear_bits_ratio", point.linear_bits_ratio},
            {"validation",
             {{"accuracy", point.validation.accuracy},
              {"accuracy_drop", point.validation.accuracy_drop},
              {"accuracy_drop_high", point.validation.accuracy_drop_high},
              {"divergence", point.validation.divergence}}},
            {"test",
             {{"samples", point.test_samples},
              {"correct", point.test_correct},
              {"accuracy", point.test_accuracy()},
              {"accuracy_low", interval.low},
              {"accuracy_high", interval.high},
              {"accuracy_drop", drop_of(result, point)}}}};
  if (point.energy) json["energy_pj"] = point.energy->value();
  if (point.latency) json["latency_ps"] = point.latency->value();
  Json layers = Json::object();
  for (std::size_t i = 0; i < point.formats.size(); ++i) {
    layers[result.layers[i]] = to_string(point.formats[i]);
  }
  json["layers"] = std::move(layers);
  for (const SharedWord word : result.words) {
    json["words"][to_string(word)] = short_text(point.words, word);
  }
  return json;
}

/// Neighbours of the front whose accuracies on the test set are not in the order of their costs'.
std::size_t disordered(const SearchResult& result) {
  std::size_t count = 0;
  for (std::size_t i = 1; i < result.front.size(); ++i) {
    if (result.front[i].test_correct < result.front[i - 1].test_correct) ++count;
  }
  return count;
}

/// Neighbours whose confidence intervals meet.
std::size_t within_noise(const SearchResult& result) {
  std::size_t count = 0;
  for (std::size_t i = 1; i < result.front.size(); ++i) {
    const auto a =
        wilson_interval(result.front[i - 1].test_correct, result.front[i - 1].test_samples);
    const auto b = wilson_interval(result.front[i].test_correct, result.front[i].test_samples);
    if (a.low <= b.high && b.low <= a.high) ++count;
  }
  return count;
}

/// What can stand in for a loss on all validation samples.
struct Proxy {
  const char* name;
  double (*of)(const ProxySample&);
};
constexpr std::array proxies{
    Proxy{"weight_error", [](const ProxySample& s) { return s.drift.weight_error; }},
    Proxy{"output_error", [](const ProxySample& s) { return s.drift.output_error; }},
    Proxy{"feature_drift", [](const ProxySample& s) { return s.drift.feature_drift; }},
    Proxy{"scout_divergence", [](const ProxySample& s) { return s.scouts.divergence; }},
    Proxy{"scout_accuracy_drop", [](const ProxySample& s) { return s.scouts.accuracy_drop; }},
    Proxy{"divergence", [](const ProxySample& s) { return s.all.divergence; }},
    Proxy{"accuracy_drop", [](const ProxySample& s) { return s.all.accuracy_drop; }}};

std::string energy_text(const SearchPoint& point) {
  return point.energy ? to_string(*point.energy) : "-";
}

}  // namespace

std::string front_csv(const SearchResult& result) { return csv_rows(result, result.front, false); }

std::string baselines_csv(const SearchResult& result) {
  return csv_rows(result, result.baselines, true);
}

std::string front_json(const SearchResult& result, const SearchScenario& search) {
  Json json{{"name", search.scenario.name},
            {"loss", to_string(search.spec.loss)},
            {"cost", to_string(search.spec.cost)},
            {"front_size", result.front_size},
            {"neighbours_within_noise", within_noise(result)},
            {"neighbours_out_of_order", disordered(result)}};
  json["reference"] = json_of(result, result.reference);
  json["front"] = Json::array();
  for (const SearchPoint& point : result.front) {
    json["front"].push_back(json_of(result, point));
    json["front"].back()["cost"] = point.cost;
  }
  json["baselines"] = Json::array();
  for (const SearchPoint& point : result.baselines) {
    json["baselines"].push_back(json_of(result, point));
  }
  json["algorithms"] = Json::array();
  for (const AlgorithmResult& algorithm : result.algorithms) {
    json["algorithms"].push_back({{"name", to_string(algorithm.algorithm)},
                                  {"evaluations", algorithm.evaluations},
                                  {"confirmed", algorithm.confirmed},
                                  {"hypervolume", algorithm.hypervolume}});
  }
  return json.dump(2) + "\n";
}

std::string sensitivity_csv(const SearchResult& result) {
  std::string text = "layers,format,loss,added_loss\n";
  for (std::size_t v = 0; v < result.table.loss.size(); ++v) {
    for (std::size_t o = 0; o < result.table.loss[v].size(); ++o) {
      const double loss = result.table.loss[v][o];
      text += fmt::format("{},{},{},{}\n",
                          csv_field(fmt::format("{}", fmt::join(result.variables[v], " "))),
                          result.options[v][o], number(loss),
                          number(loss - result.table.base_evaluation.objectives[0]));
    }
  }
  return text;
}

std::string hypervolume_csv(const SearchResult& result) {
  std::string text = "algorithm,evaluations,hypervolume\n";
  for (const AlgorithmResult& algorithm : result.algorithms) {
    for (const HypervolumeStep& step : algorithm.history) {
      text += fmt::format("{},{},{}\n", to_string(algorithm.algorithm), step.evaluations,
                          number(step.hypervolume));
    }
  }
  return text;
}

std::string proxies_csv(const SearchResult& result) {
  std::vector<std::string> names;
  for (const Proxy& proxy : proxies) names.emplace_back(proxy.name);
  std::string text = fmt::format("{}\n", fmt::join(names, ","));
  for (const ProxySample& sample : result.proxies) {
    std::vector<std::string> values;
    for (const Proxy& proxy : proxies) values.push_back(number(proxy.of(sample)));
    text += fmt::format("{}\n", fmt::join(values, ","));
  }
  return text;
}

std::string proxies_text(const SearchResult& result) {
  std::vector<std::vector<double>> values;
  for (const Proxy& proxy : proxies) {
    auto& column = values.emplace_back();
    for (const ProxySample& sample : result.proxies) column.push_back(proxy.of(sample));
  }
  TextTable table({"stand-in", "divergence", "accuracy drop"}, 1);
  for (std::size_t i = 0; i + 1 < values.size(); ++i) {
    table.add({proxies[i].name,
               fmt::format("{:.3f}", rank_correlation(values[i], values[values.size() - 2])),
               fmt::format("{:.3f}", rank_correlation(values[i], values.back()))});
  }
  return fmt::format("rank correlations on {} candidates near the front\n{}", result.proxies.size(),
                     table.render());
}

std::string search_table(const SearchResult& result, const SearchScenario& search) {
  TextTable table({"point", "bits", "validation drop", "test", "95 %", "test drop", "energy",
                   "latency", "linear-bits", "compression"},
                  1);
  const auto add = [&](const SearchPoint& point) {
    const ShareInterval interval = wilson_interval(point.test_correct, point.test_samples);
    table.add({point.name, fmt::format("{:.2f}", point.effective_bits),
               fmt::format("{:.2f} %", 100 * point.validation.accuracy_drop),
               fmt::format("{:.2f} %", 100 * point.test_accuracy()),
               fmt::format("{:.1f} .. {:.1f}", 100 * interval.low, 100 * interval.high),
               fmt::format("{:.2f} %", 100 * drop_of(result, point)), energy_text(point),
               point.latency ? to_string(*point.latency) : "-",
               fmt::format("{:.1f}x", point.linear_bits_ratio),
               fmt::format("{:.1f}x", point.compression())});
  };
  add(result.reference);
  for (const SearchPoint& point : result.front) add(point);
  for (const SearchPoint& point : result.baselines) add(point);
  std::string text = fmt::format("{}: {} of {} points of the front, by {} against {}\n\n",
                                 search.scenario.name, result.front.size(), result.front_size,
                                 to_string(search.spec.loss), to_string(search.spec.cost));
  text += table.render();
  for (const AlgorithmResult& algorithm : result.algorithms) {
    text += fmt::format(
        "\n{:<10} {} evaluations, {} confirmed, {} of both measured now, {:.1f} s, hypervolume "
        "{:.6g}",
        to_string(algorithm.algorithm), algorithm.evaluations, algorithm.confirmed,
        algorithm.measured, algorithm.seconds, algorithm.hypervolume);
  }
  for (const double limit : {0.005, 0.01}) {
    const auto found = std::find_if(
        result.front.begin(), result.front.end(),
        [&](const SearchPoint& point) { return point.validation.accuracy_drop_high <= limit; });
    if (found == result.front.end()) continue;
    text += fmt::format(
        "\na drop of up to {:.1f} %, 95 % sure by the validation samples: point {}, {:.2f} bits, "
        "{:.2f} % on the test samples",
        100 * limit, found->name, found->effective_bits, 100 * drop_of(result, *found));
  }
  text += fmt::format(
      "\n{} of {} neighbours on the front cannot be told apart by the test samples, {} are in the "
      "other order",
      within_noise(result), result.front.empty() ? 0 : result.front.size() - 1, disordered(result));
  if (!result.proxies.empty()) text += "\n\n" + proxies_text(result);
  return text;
}

void write_search_results(const SearchScenario& search, const SearchResult& result,
                          const std::filesystem::path& folder) {
  write_file_atomically(folder / "search.resolved.yaml", to_yaml(search));
  write_file_atomically(folder / "sensitivity.csv", sensitivity_csv(result));
  write_file_atomically(folder / "hypervolume.csv", hypervolume_csv(result));
  if (!result.proxies.empty()) {
    write_file_atomically(folder / "proxies.csv", proxies_csv(result));
  }
  write_file_atomically(folder / "baselines.csv", baselines_csv(result));
  write_file_atomically(folder / "front.svg", front_svg(result, search));
  write_file_atomically(folder / "layer_bits.svg", layer_bits_svg(result, search));
  write_file_atomically(folder / "front.json", front_json(result, search));
  write_file_atomically(folder / "front.csv", front_csv(result));
}

}  // namespace nj
