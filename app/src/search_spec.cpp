#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "neurojoule/app/search.hpp"
#include "neurojoule/core/leading_zero.hpp"
#include "neurojoule/core/yaml_text.hpp"

namespace nj {
namespace {

/// Each has a table of energies.
constexpr std::size_t most_word_combinations = 64;
constexpr std::int64_t max_seed = std::numeric_limits<std::int64_t>::max();

const std::vector<std::pair<std::string_view, SearchLoss>> losses{
    {"accuracy_drop", SearchLoss::accuracy_drop}, {"divergence", SearchLoss::divergence}};
const std::vector<std::pair<std::string_view, SearchCost>> costs{
    {"effective_bits", SearchCost::effective_bits},
    {"energy", SearchCost::energy},
    {"linear_bits", SearchCost::linear_bits},
    {"storage", SearchCost::storage},
    {"latency", SearchCost::latency},
    {"memory", SearchCost::memory},
    {"area", SearchCost::area}};
const std::vector<std::pair<std::string_view, SearchAlgorithm>> algorithms{
    {"greedy", SearchAlgorithm::greedy},        {"beam", SearchAlgorithm::beam},
    {"knapsack", SearchAlgorithm::knapsack},    {"nsga2", SearchAlgorithm::nsga2},
    {"moead", SearchAlgorithm::moead},          {"random", SearchAlgorithm::random},
    {"exhaustive", SearchAlgorithm::exhaustive}};

template <class E>
std::string_view word_of(const std::vector<std::pair<std::string_view, E>>& words, E value) {
  return std::find_if(words.begin(), words.end(), [&](const auto& w) { return w.second == value; })
      ->first;
}

NumberFormat read_format(const YamlNode& node) {
  try {
    const NumberFormat format = parse_number_format(node.text());
    if (format.scheme == Scheme::float32) throw Error(ErrorKind::config, "float32 is no choice");
    return format;
  } catch (const Error& error) {
    if (!error.location().file.empty()) throw;
    throw node.error(error.message(), error.kind());
  }
}

/// One format, or a list of different ones.
std::vector<NumberFormat> read_formats(const YamlNode& node) {
  if (node.is_scalar()) return {read_format(node)};
  std::vector<NumberFormat> formats;
  for (const YamlNode& element : node.elements()) {
    formats.push_back(read_format(element));
    if (std::count(formats.begin(), formats.end(), formats.back()) > 1) {
      throw element.error("is there twice");
    }
  }
  if (formats.empty()) throw node.error("expected at least one format");
  return formats;
}

/// A share as `1 %` or `0.01`.
double read_share(const YamlNode& node) {
  std::string text = node.text();
  if (!text.ends_with('%')) return node.real(0.0, 1.0);
  text.pop_back();
  while (text.ends_with(' ')) text.pop_back();
  std::size_t used = 0;
  double value = -1;
  try {
    value = std::stod(text, &used);
  } catch (const std::exception&) {
  }
  if (used != text.size() || !(value >= 0.0 && value <= 100.0)) {
    throw node.error(fmt::format("expected a share, such as 1 %, got '{}'", node.text()));
  }
  if (has_leading_zero(text)) {
    throw node.error(fmt::format("{}, got '{}'", leading_zero, node.text()));
  }
  return value / 100.0;
}

std::string needs_chip(std::string_view cost) { return fmt::format("{} needs a chip", cost); }

bool is_of_chip(SearchCost cost) {
  return cost == SearchCost::energy || cost == SearchCost::latency || cost == SearchCost::memory ||
         cost == SearchCost::area;
}

SearchConstraints read_constraints(const YamlNode& node, bool has_chip) {
  SearchConstraints limits;
  if (const auto value = node.find("accuracy_drop")) limits.accuracy_drop = read_share(*value);
  if (const auto value = node.find("effective_bits")) {
    limits.effective_bits = value->real(0.0, 32.0);
  }
  if (const auto value = node.find("storage")) limits.storage = value->quantity<Bits>();
  const auto of_chip = [&](const char* key) {
    auto value = node.find(key);
    if (value && !has_chip) throw value->error(needs_chip(key));
    return value;
  };
  if (const auto value = of_chip("energy")) limits.energy = value->quantity<Picojoules>();
  if (const auto value = of_chip("latency")) limits.latency = value->quantity<Picoseconds>();
  if (const auto value = of_chip("memory")) limits.memory = value->quantity<Bits>();
  if (const auto value = of_chip("area")) limits.area = value->quantity<SquareMillimetres>();
  return limits;
}

DatasetSpec read_validation(const std::optional<YamlNode>& node, const Scenario& scenario) {
  DatasetSpec dataset = scenario.dataset;
  if (has_splits(dataset.source)) dataset.split = Split::train;
  dataset.first = 10'000;
  dataset.samples = 2000;
  return node ? read_samples(*node, std::move(dataset), scenario.directory, 8, 1'000'000) : dataset;
}

/// A word by its bits alone, or as a map.
QuantizedNetwork::Words read_option(const YamlNode& node, SharedWord word,
                                    QuantizedNetwork::Words words) {
  if (!node.is_scalar()) {
    read_word(node, word, words);
    return words;
  }
  const bool sums = word == SharedWord::accumulator || word == SharedWord::attention_score;
  const auto bits = static_cast<std::uint8_t>(node.integer(sums ? 2 : 4, 32));
  words.membrane.bits = words.stream.bits = words.accumulator.bits = words.score.bits = bits;
  try {
    if (word == SharedWord::membrane) validate(words.membrane);
    if (word == SharedWord::stream) validate(words.stream);
  } catch (const Error& error) {
    throw node.error(error.message(), error.kind());
  }
  return words;
}

std::vector<WordChoice> read_words(const YamlNode& node, const QuantizedNetwork::Words& base) {
  std::vector<WordChoice> choices;
  std::size_t combinations = 1;
  for (const SharedWord word : shared_words) {
    const auto list = node.find(to_string(word));
    if (!list) continue;
    WordChoice& choice = choices.emplace_back(WordChoice{.word = word});
    std::vector<std::string> seen;
    for (const YamlNode& element : list->elements()) {
      choice.options.push_back(read_option(element, word, base));
      seen.push_back(word_text(choice.options.back(), word));
      if (std::count(seen.begin(), seen.end(), seen.back()) > 1)
        throw element.error("is there twice");
    }
    if (choice.options.empty()) throw list->error("expected at least one word");
    combinations *= choice.options.size();
    if (combinations > most_word_combinations) {
      throw list->error(fmt::format("more than {} combinations of words", most_word_combinations));
    }
  }
  return choices;
}

std::vector<NumberFormat> usual_baselines() {
  std::vector<NumberFormat> formats;
  for (const char* const name : {"uniform8", "uniform4", "uniform3", "uniform2", "pot4", "pot3"}) {
    formats.push_back(parse_number_format(name));
  }
  return formats;
}

/// By default a quarter of the validation samples where differences stand out of their noise.
void read_scouts(const std::optional<YamlNode>& node, SearchSpec& spec) {
  constexpr std::uint64_t least = 250;
  const std::uint64_t all = *spec.validation.samples;
  spec.scouts = all;
  if (spec.loss == SearchLoss::divergence) spec.scouts = std::min(all, std::max(least, all / 4));
  if (node) {
    spec.scouts = static_cast<std::uint64_t>(node->integer(8, static_cast<std::int64_t>(all)));
  }
}

/// What a search chooses: the formats of layers and the words of the chip.
void read_choices(const YamlNode& node, const Scenario& scenario, SearchSpec& spec) {
  spec.formats = read_formats(node.at("formats"));
  if (const auto layers = node.find("layers")) {
    for (const auto& [pattern, formats] : layers->entries()) {
      spec.choices.push_back({pattern, read_formats(formats), formats.location()});
    }
  }
  if (const auto ties = node.find("ties")) {
    for (const YamlNode& tie : ties->elements()) {
      LayerTie& read = spec.ties.emplace_back();
      read.location = tie.location();
      for (const YamlNode& pattern : tie.elements()) read.patterns.push_back(pattern.text());
    }
  }
  if (const auto words = node.find("words")) {
    spec.words = read_words(*words, words_of(scenario.quantization));
  }
}

/// What makes a point better: loss and cost.
void read_objectives(const YamlNode& node, bool has_chip, SearchSpec& spec) {
  if (const auto loss = node.find("loss")) spec.loss = loss->one_of(losses);
  if (has_chip) spec.cost = SearchCost::energy;
  if (const auto cost = node.find("cost")) {
    spec.cost = cost->one_of(costs);
    spec.cost_location = cost->location();
    if (is_of_chip(spec.cost) && !has_chip) throw cost->error(needs_chip(to_string(spec.cost)));
  }
  if (const auto words = node.find("words"); words && !is_of_chip(spec.cost)) {
    throw words->error(
        fmt::format("words add nothing to {}; the cost must be energy, latency, memory or "
                    "area",
                    to_string(spec.cost)));
  }
}

/// How it is searched, and how far.
void read_effort(const YamlNode& node, SearchSpec& spec) {
  if (const auto names = node.find("algorithms")) {
    spec.algorithms.clear();
    for (const YamlNode& name : names->elements()) {
      spec.algorithms.push_back(name.one_of(algorithms));
    }
    if (spec.algorithms.empty()) throw names->error("expected at least one");
  }
  if (const auto budget = node.find("budget")) {
    spec.budget = static_cast<std::uint64_t>(budget->integer(1, 10'000'000));
  }
  if (const auto value = node.find("confidence")) spec.confidence = value->real(0.5, 0.999999);
  if (const auto points = node.find("points")) {
    spec.points = static_cast<std::uint64_t>(points->integer(2, 1000));
  }
  if (const auto proxies = node.find("proxies")) {
    spec.proxies = static_cast<std::uint64_t>(proxies->integer(0, 10'000));
  }
  if (const auto seed = node.find("seed")) {
    spec.seed = static_cast<std::uint64_t>(seed->integer(0, max_seed));
  }
}

SearchSpec read_spec(const YamlNode& node, const Scenario& scenario) {
  const bool has_chip = scenario.chip.has_value();
  SearchSpec spec;
  read_choices(node, scenario, spec);
  read_objectives(node, has_chip, spec);
  if (const auto limits = node.find("constraints")) {
    spec.constraints = read_constraints(*limits, has_chip);
  }
  const auto validation = node.find("validation");
  spec.validation = read_validation(validation, scenario);
  spec.validation_location = validation ? validation->location() : node.location();
  spec.validation_location.key = "search.validation";
  read_scouts(node.find("scouts"), spec);
  read_effort(node, spec);
  spec.baselines = usual_baselines();
  if (const auto baselines = node.find("baselines")) {
    spec.baselines.clear();
    for (const YamlNode& element : baselines->elements()) {
      spec.baselines.push_back(read_format(element));
    }
  }
  return spec;
}

std::string formats_text(const std::vector<NumberFormat>& formats) {
  std::vector<std::string> words;
  for (const NumberFormat& format : formats) words.push_back(yaml_quoted(to_string(format)));
  return fmt::format("[{}]", fmt::join(words, ", "));
}

std::string words_text(const std::vector<WordChoice>& choices) {
  std::string text = choices.empty() ? "" : "  words:\n";
  for (const WordChoice& choice : choices) {
    std::vector<std::string> options;
    for (const auto& option : choice.options) options.push_back(word_text(option, choice.word));
    text += fmt::format("    {}: [{}]\n", to_string(choice.word), fmt::join(options, ", "));
  }
  return text;
}

std::string constraints_text(const SearchConstraints& limits) {
  std::vector<std::string> words;
  if (limits.accuracy_drop)
    words.push_back(fmt::format("accuracy_drop: {}", *limits.accuracy_drop));
  if (limits.effective_bits) {
    words.push_back(fmt::format("effective_bits: {}", *limits.effective_bits));
  }
  if (limits.storage) words.push_back(fmt::format("storage: {} bit", limits.storage->value()));
  if (limits.energy) words.push_back(fmt::format("energy: {} pJ", limits.energy->value()));
  if (limits.latency) words.push_back(fmt::format("latency: {} ps", limits.latency->value()));
  if (limits.memory) words.push_back(fmt::format("memory: {} bit", limits.memory->value()));
  if (limits.area) words.push_back(fmt::format("area: {}", to_exact_string(*limits.area)));
  return fmt::format("{{{}}}", fmt::join(words, ", "));
}

/// From anywhere.
std::string validation_text(DatasetSpec dataset) {
  dataset.path = std::filesystem::absolute(dataset.path).lexically_normal();
  return fmt::format("{{{}}}", samples_text(dataset));
}

}  // namespace

std::string_view to_string(SearchLoss loss) { return word_of(losses, loss); }
std::string_view to_string(SearchCost cost) { return word_of(costs, cost); }
std::string_view to_string(SearchAlgorithm algorithm) { return word_of(algorithms, algorithm); }

std::string short_text(const QuantizedNetwork::Words& words, SharedWord word) {
  switch (word) {
    case SharedWord::membrane:
      return fmt::format("{}/{}", words.membrane.bits, words.membrane.fraction_bits);
    case SharedWord::stream:
      return fmt::format("{}/{}", words.stream.bits, words.stream.fraction_bits);
    default:
      return fmt::format("{}", words.bits(word));
  }
}

SearchScenario read_search(const std::filesystem::path& file,
                           const std::vector<std::string>& overrides) {
  YamlDocument document = YamlDocument::load(file);
  set_overrides(document, overrides);
  const YamlNode root = document.root();
  const auto block = root.find("search");
  if (!block) {
    throw Error(ErrorKind::config, "a search needs a `search:` block", {.file = file.string()});
  }
  SearchScenario search;
  search.scenario = read_scenario_root(root, file);
  if (!search.scenario.calibration) {
    CalibrationChoice choice{.spec = {}, .dataset = search.scenario.dataset};
    if (has_splits(choice.dataset.source)) choice.dataset.split = Split::train;
    choice.dataset.first = 0;
    choice.dataset.samples = calibration_samples;
    search.scenario.calibration = choice;
    search.scenario.calibration_location = {.file = file.string(), .key = "calibration"};
  }
  search.spec = read_spec(*block, search.scenario);
  document.finish();
  return search;
}

std::string to_yaml(const SearchScenario& search) {
  return to_yaml(search.scenario) + to_yaml(search.spec);
}

std::string to_yaml(const SearchSpec& spec) {
  std::string text = "search:\n";
  text += fmt::format("  formats: {}\n", formats_text(spec.formats));
  if (!spec.choices.empty()) text += "  layers:\n";
  for (const LayerChoice& choice : spec.choices) {
    text += fmt::format("    {}: {}\n", yaml_quoted(choice.pattern), formats_text(choice.formats));
  }
  if (!spec.ties.empty()) text += "  ties:\n";
  for (const LayerTie& tie : spec.ties) {
    std::vector<std::string> patterns;
    for (const std::string& pattern : tie.patterns) patterns.push_back(yaml_quoted(pattern));
    text += fmt::format("  - [{}]\n", fmt::join(patterns, ", "));
  }
  text += words_text(spec.words);
  std::vector<std::string_view> names;
  for (const SearchAlgorithm algorithm : spec.algorithms) names.push_back(to_string(algorithm));
  text += fmt::format(
      "  loss: {}\n  cost: {}\n  constraints: {}\n  validation: {}\n  scouts: {}\n"
      "  algorithms: [{}]\n"
      "  budget: {}\n  confidence: {}\n  points: {}\n  baselines: {}\n"
      "  proxies: {}\n"
      "  seed: {}\n",
      to_string(spec.loss), to_string(spec.cost), constraints_text(spec.constraints),
      validation_text(spec.validation), spec.scouts, fmt::join(names, ", "), spec.budget,
      spec.confidence, spec.points, formats_text(spec.baselines), spec.proxies, spec.seed);
  return text;
}

}  // namespace nj
