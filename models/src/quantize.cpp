#include "neurojoule/models/quantize.hpp"

#include "layer_quantizer.hpp"

namespace nj {

QuantizedNetwork quantize(const Model& model, const QuantizationSpec& spec) {
  LayerQuantizer quantizer(model, spec);
  const std::vector<WeightRule> rules = resolve(spec, model);
  std::size_t next_rule = 0;
  for (std::uint32_t i = 0; i < model.network.size(); ++i) {
    const bool weighted = has_weights(model.network.layer({i}).op);
    quantizer.add({i}, weighted ? &rules[next_rule++] : nullptr);
  }
  return quantizer.network();
}

}  // namespace nj
