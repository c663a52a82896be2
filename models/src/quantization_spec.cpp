#include <algorithm>
#include <charconv>
#include <string_view>
#include <utility>

#include <fmt/core.h>

#include "neurojoule/core/leading_zero.hpp"
#include "neurojoule/core/yaml_text.hpp"
#include "neurojoule/models/quantize.hpp"

namespace nj {
namespace {

const std::vector<std::pair<std::string_view, Scheme>> schemes{
    {"float32", Scheme::float32},
    {"uniform", Scheme::uniform},
    {"power-of-two", Scheme::power_of_two},
    {"additive-power-of-two", Scheme::additive_power_of_two},
    {"ternary", Scheme::ternary},
    {"binary", Scheme::binary}};
const std::vector<std::pair<std::string_view, Granularity>> granularities{
    {"channel", Granularity::per_channel}, {"tensor", Granularity::per_tensor}};
const std::vector<std::pair<std::string_view, Rounding>> roundings{
    {"nearest_half_up", Rounding::nearest_half_up}, {"floor", Rounding::floor}};

const std::vector<std::pair<std::string_view, Overflow>> overflows{{"saturate", Overflow::saturate},
                                                                   {"wrap", Overflow::wrap}};

template <class E>
std::string_view word_of(const std::vector<std::pair<std::string_view, E>>& words, E value) {
  const auto found =
      std::find_if(words.begin(), words.end(), [&](const auto& w) { return w.second == value; });
  return found->first;
}

/// Runs a check that knows no place and lays its error at a node.
template <class Check>
void at_node(const YamlNode& node, Check&& check) {
  try {
    check();
  } catch (const Error& error) {
    throw node.error(error.message(), error.kind());
  }
}

/// `99.9 %`.
double read_percentage(const YamlNode& node) {
  const std::string text = node.text();
  double value = 0.0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  const std::string_view rest(end, text.data() + text.size());
  if (code != std::errc{} || (rest != "%" && rest != " %") || !(value > 0.0 && value <= 100.0)) {
    throw node.error(
        fmt::format("expected a percentile above 0 % and up to 100 %, got '{}'", text));
  }
  if (has_leading_zero(text)) throw node.error(fmt::format("{}, got '{}'", leading_zero, text));
  return value;
}

void read_scale(const YamlNode& node, WeightRule& rule) {
  const std::string text = node.text();
  if (text == "mse" || text == "max") {
    rule.scale_rule = text == "mse" ? ScaleRule::mse : ScaleRule::max;
    rule.scale = 0.0;
    return;
  }
  if (text.ends_with('%')) {
    rule.scale_rule = ScaleRule::percentile;
    rule.scale = read_percentage(node);
    return;
  }
  if (text.empty() || text.find_first_not_of("0123456789.eE+-") != std::string::npos) {
    throw node.error(
        fmt::format("expected mse, max, a percentile as 99.9 %, or a number, got '{}'", text));
  }
  rule.scale_rule = ScaleRule::fixed;
  rule.scale = node.real(1e-12, 1e12);
}

/// `channel`, `tensor`, or the length of the runs of a channel that share a scale.
void read_granularity(const YamlNode& node, NumberFormat& format) {
  const std::string text = node.text();
  if (!text.empty() && text.find_first_not_of("0123456789") == std::string::npos) {
    format.granularity = Granularity::per_group;
    format.group = static_cast<std::uint16_t>(node.integer(1, 65535));
    return;
  }
  format.granularity = node.one_of(granularities);
  format.group = 0;
}

/// Bits of a scheme that a rule names without saying its bits.
std::uint8_t usual_bits(Scheme scheme, std::uint8_t inherited) {
  if (scheme == Scheme::ternary) return 2;
  if (scheme == Scheme::binary) return 1;
  return inherited < 2 || inherited > 16 ? 8 : inherited;
}

WeightRule read_rule(const YamlNode& node, const WeightRule& base) {
  WeightRule rule = base;
  NumberFormat& format = rule.format;
  if (const auto scheme = node.find("scheme")) {
    format.scheme = scheme->one_of(schemes);
    format.bits = usual_bits(format.scheme, format.bits);
    if (format.scheme != Scheme::uniform) format.zero_point = false;
  }
  if (format.scheme == Scheme::float32) {
    for (const std::string_view key : {"bits", "granularity", "scale", "zero_point"}) {
      if (const auto foreign = node.find(key)) {
        throw foreign->error("float32 weights take no such key; name another scheme");
      }
    }
    return {NumberFormat{}, ScaleRule::mse, 0.0};
  }
  if (const auto bits = node.find("bits")) {
    format.bits = static_cast<std::uint8_t>(bits->integer(1, 32));
  }
  if (const auto granularity = node.find("granularity")) read_granularity(*granularity, format);
  if (const auto zero_point = node.find("zero_point")) format.zero_point = zero_point->boolean();
  if (const auto scale = node.find("scale")) read_scale(*scale, rule);
  at_node(node.find("bits").value_or(node), [&] { validate(rule.format); });
  return rule;
}

FixedPointFormat read_fixed_point(const YamlNode& node, FixedPointFormat format,
                                  bool choose_rounding) {
  if (const auto bits = node.find("bits")) {
    format.bits = static_cast<std::uint8_t>(bits->integer(4, 32));
  }
  if (const auto fraction = node.find("fraction_bits")) {
    format.fraction_bits = static_cast<std::uint8_t>(fraction->integer(0, 30));
  }
  if (choose_rounding) {
    if (const auto rounding = node.find("rounding")) format.rounding = rounding->one_of(roundings);
  }
  at_node(node, [&] { validate(format); });
  return format;
}

AccumulatorFormat read_accumulator(const YamlNode& node, AccumulatorFormat format) {
  if (const auto bits = node.find("bits")) {
    format.bits = static_cast<std::uint8_t>(bits->integer(2, 32));
  }
  if (const auto overflow = node.find("overflow")) format.overflow = overflow->one_of(overflows);
  return format;
}

std::string rule_text(const WeightRule& rule) {
  if (rule.format.scheme == Scheme::float32) return "{scheme: float32}";
  std::string scale = fmt::format("{}", rule.scale);
  if (rule.scale_rule == ScaleRule::mse) scale = "mse";
  if (rule.scale_rule == ScaleRule::max) scale = "max";
  if (rule.scale_rule == ScaleRule::percentile) scale += " %";
  const NumberFormat& format = rule.format;
  const std::string granularity = format.granularity == Granularity::per_group
                                      ? std::to_string(format.group)
                                      : std::string(word_of(granularities, format.granularity));
  return fmt::format("{{scheme: {}, bits: {}, granularity: {}, scale: {}{}}}",
                     word_of(schemes, format.scheme), format.bits, granularity, scale,
                     format.zero_point ? ", zero_point: true" : "");
}

}  // namespace

bool matches_pattern(std::string_view pattern, std::string_view name) {
  // Greedy glob: on a mismatch, the last '*' takes one letter more.
  std::size_t p = 0;
  std::size_t n = 0;
  std::size_t star = std::string_view::npos;
  std::size_t resume = 0;
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = n;
    } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == name[n])) {
      ++p;
      ++n;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      n = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

void read_word(const YamlNode& node, SharedWord word, QuantizedNetwork::Words& words) {
  switch (word) {
    case SharedWord::membrane:
      words.membrane = read_fixed_point(node, words.membrane, true);
      break;
    case SharedWord::stream:
      words.stream = read_fixed_point(node, words.stream, false);
      break;
    case SharedWord::accumulator:
      words.accumulator = read_accumulator(node, words.accumulator);
      break;
    case SharedWord::attention_score:
      words.score = read_accumulator(node, words.score);
      break;
  }
}

std::string word_text(const QuantizedNetwork::Words& words, SharedWord word) {
  const auto sums = [](const AccumulatorFormat& format) {
    return fmt::format("{{bits: {}, overflow: {}}}", format.bits,
                       word_of(overflows, format.overflow));
  };
  switch (word) {
    case SharedWord::membrane:
      return fmt::format("{{bits: {}, fraction_bits: {}, rounding: {}}}", words.membrane.bits,
                         words.membrane.fraction_bits, word_of(roundings, words.membrane.rounding));
    case SharedWord::stream:
      return fmt::format("{{bits: {}, fraction_bits: {}}}", words.stream.bits,
                         words.stream.fraction_bits);
    case SharedWord::accumulator:
      return sums(words.accumulator);
    case SharedWord::attention_score:
      break;
  }
  return sums(words.score);
}

QuantizationSpec read_quantization_spec(const YamlNode& node) {
  QuantizationSpec spec;
  if (const auto rule = node.find("default")) {
    spec.default_rule = read_rule(*rule, spec.default_rule);
  }
  if (const auto layers = node.find("layers")) {
    for (const auto& [pattern, rule] : layers->entries()) {
      spec.layers.push_back({pattern, read_rule(rule, spec.default_rule), rule.location()});
    }
  }
  QuantizedNetwork::Words words = words_of(spec);
  for (const SharedWord word : shared_words) {
    if (const auto given = node.find(to_string(word))) read_word(*given, word, words);
  }
  set_words(spec, words);
  return spec;
}

std::string to_yaml(const QuantizationSpec& spec, std::size_t indent) {
  const std::string blanks(indent, ' ');
  std::string text = fmt::format("{}default: {}\n", blanks, rule_text(spec.default_rule));
  if (!spec.layers.empty()) text += fmt::format("{}layers:\n", blanks);
  for (const WeightOverride& layer : spec.layers) {
    text += fmt::format("{}  {}: {}\n", blanks, yaml_quoted(layer.pattern), rule_text(layer.rule));
  }
  for (const SharedWord word : shared_words) {
    text += fmt::format("{}{}: {}\n", blanks, to_string(word), word_text(words_of(spec), word));
  }
  return text;
}

std::vector<WeightRule> resolve(const QuantizationSpec& spec, const Model& model) {
  const Network& network = model.network;
  const std::vector<LayerId> layers = network.weighted_layers();
  std::vector<WeightRule> rules(layers.size(), spec.default_rule);
  for (const WeightOverride& entry : spec.layers) {
    bool matched = false;
    for (std::size_t i = 0; i < layers.size(); ++i) {
      const std::string& name = network.layer(layers[i]).name;
      if (!matches_pattern(entry.pattern, name)) continue;
      if (const auto& integers = model.weights[layers[i].index]->integers) {
        throw Error(ErrorKind::config,
                    fmt::format("layer '{}' is quantized already, as {}", name,
                                to_string(integers->format)),
                    entry.location);
      }
      rules[i] = entry.rule;
      matched = true;
    }
    if (matched) continue;
    std::vector<std::string> names;
    names.reserve(layers.size());
    for (const LayerId id : layers) names.push_back(network.layer(id).name);
    const auto near = did_you_mean(entry.pattern, names);
    Location location = entry.location;
    if (location.key.empty()) location.key = entry.pattern;
    throw Error(ErrorKind::config,
                fmt::format("'{}' matches no layer with weights{}", entry.pattern,
                            near ? fmt::format(", did you mean '{}'?", *near) : ""),
                location);
  }
  for (std::size_t i = 0; i < layers.size(); ++i) {
    if (const auto& integers = model.weights[layers[i].index]->integers) {
      rules[i] = {integers->format, ScaleRule::mse, 0.0};
      continue;
    }
    const bool head = std::holds_alternative<ClassifierHead>(network.layer(layers[i]).op);
    if (head && rules[i].format.scheme != Scheme::float32) {
      rules[i].format.granularity = Granularity::per_tensor;
      rules[i].format.group = 0;
    }
  }
  return rules;
}

}  // namespace nj
