#include "neurojoule/models/quantize.hpp"

#include "layer_quantizer.hpp"

namespace nj {

QuantizationSpec float32_spec() {
  QuantizationSpec spec;
  spec.default_rule = {NumberFormat{}, ScaleRule::mse, 0.0};
  return spec;
}

QuantizedNetwork::Words words_of(const QuantizationSpec& spec) {
  return {spec.membrane, spec.stream, spec.accumulator, spec.score};
}

void set_words(QuantizationSpec& spec, const QuantizedNetwork::Words& words) {
  spec.membrane = words.membrane;
  spec.stream = words.stream;
  spec.accumulator = words.accumulator;
  spec.score = words.score;
}

void set_word(QuantizedNetwork::Words& words, SharedWord word,
              const QuantizedNetwork::Words& from) {
  if (word == SharedWord::membrane) words.membrane = from.membrane;
  if (word == SharedWord::stream) words.stream = from.stream;
  if (word == SharedWord::accumulator) words.accumulator = from.accumulator;
  if (word == SharedWord::attention_score) words.score = from.score;
}

QuantizedNetwork quantize(const Model& model, const QuantizationSpec& spec) {
  LayerQuantizer quantizer(model, words_of(spec),
                           spec.default_rule.format.scheme == Scheme::float32);
  const std::vector<WeightRule> rules = resolve(spec, model);
  std::size_t next_rule = 0;
  for (std::uint32_t i = 0; i < model.network.size(); ++i) {
    const bool weighted = has_weights(model.network.layer({i}).op);
    quantizer.add({i}, weighted ? &rules[next_rule++] : nullptr);
  }
  return quantizer.network();
}

}  // namespace nj
