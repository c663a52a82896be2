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
