#include <fmt/core.h>

#include "neurojoule/core/error.hpp"
#include "neurojoule/hardware/array.hpp"
#include "neurojoule/hardware/topology_spec.hpp"

#include "chip_fields.hpp"

namespace nj {
namespace {

std::uint32_t read_count(const YamlNode& node, std::int64_t most) {
  return static_cast<std::uint32_t>(node.integer(1, most));
}

BufferSpec read_buffer(const YamlNode& node) {
  BufferSpec buffer;
  buffer.capacity = read_capacity(node.at("capacity"), capacity_limit);
  buffer.word_bits = read_width(node.at("word"));
  if (const auto banks = node.find("banks")) buffer.banks = read_count(*banks, max_banks);
  const std::uint64_t words = std::uint64_t{buffer.word_bits} * buffer.banks;
  if (words > buffer.capacity.value()) {
    throw node.at("word").error(fmt::format("{} banks with a word of {} bit do not fit {}",
                                            buffer.banks, buffer.word_bits,
                                            to_string(buffer.capacity)));
  }
  return buffer;
}

}  // namespace

std::string_view to_string(ArrayBuffer buffer) {
  constexpr std::array<std::string_view, array_buffers.size()> names{
      "input_buffer",    "weight_buffer", "accumulator_buffer",
      "membrane_buffer", "output_buffer", "spike_buffer"};
  return names[static_cast<std::size_t>(buffer)];
}

std::string_view to_string(WeightLoads loads) {
  return loads == WeightLoads::per_layer ? "per_layer" : "per_step";
}

std::string_view to_string(ProductOrder order) {
  return order == ProductOrder::scores_first ? "scores_first" : "values_first";
}

ProductOrder read_product_order(const YamlNode& node) {
  return node.one_of<ProductOrder>(
      {{"scores_first", ProductOrder::scores_first}, {"values_first", ProductOrder::values_first}});
}

ArraySpec read_array(const YamlNode& core_kinds) {
  const auto kinds = core_kinds.entries();
  if (kinds.size() != 1) {
    throw core_kinds.error(
        fmt::format("a streamed chip has one core kind, its array; got {}", kinds.size()));
  }
  const auto& [name, node] = kinds.front();
  if (name == "network" || name == "off_chip" || name == "chip" || name == "io") {
    throw node.error(fmt::format("\"{}\" is reserved for a component of the chip", name));
  }
  static_cast<void>(node.at("role").one_of<bool>({{"array", true}}));
  static_cast<void>(node.at("dataflow").one_of<bool>({{"output_stationary", true}}));
  ArraySpec array;
  array.name = name;
  array.rows = read_count(node.at("rows"), max_array_side);
  array.columns = read_count(node.at("columns"), max_array_side);
  array.cycle = read_time(node.at("cycle"), Picoseconds{1});
  array.skips_zero = node.at("skips_zero").boolean();
  array.weights = node.at("weights").one_of<WeightLoads>(
      {{"per_layer", WeightLoads::per_layer}, {"per_step", WeightLoads::per_step}});
  array.attention = read_product_order(node.at("attention"));
  array.neuron_lanes = read_count(node.at("neuron_lanes"), max_array_side);
  array.weight_formats = read_weight_formats(node.at("weight_formats"));
  for (const ArrayBuffer buffer : array_buffers) {
    const std::string_view key = to_string(buffer);
    const auto found =
        buffer == ArrayBuffer::spike_buffer ? node.find(key) : std::optional(node.at(key));
    if (found) array.buffers[static_cast<std::size_t>(buffer)] = read_buffer(*found);
  }
  return array;
}

void validate(const ArraySpec& array) {
  const std::string key = "core_kinds." + array.name;
  const auto check = [&](const char* name, std::uint64_t value, std::uint64_t most) {
    if (value >= 1 && value <= most) return;
    refuse(fmt::format("{}.{}", key, name), fmt::format("expected 1..{}, got {}", most, value));
  };
  if (array.name.empty()) refuse("core_kinds", "an array needs a name");
  check("rows", array.rows, max_array_side);
  check("columns", array.columns, max_array_side);
  check("neuron_lanes", array.neuron_lanes, max_array_side);
  if (array.cycle < Picoseconds{1} || array.cycle > max_chip_time) {
    refuse(key + ".cycle", fmt::format("expected 1 ps to {}, got {}", to_string(max_chip_time),
                                       to_string(array.cycle)));
  }
  for (const ArrayBuffer which : array_buffers) {
    const std::string at = fmt::format("{}.{}", key, to_string(which));
    const auto& buffer = array.buffer(which);
    if (!buffer && which != ArrayBuffer::spike_buffer) refuse(at, "an array needs it");
    if (!buffer) continue;
    if (buffer->word_bits == 0 || buffer->banks == 0 || buffer->banks > max_banks ||
        std::uint64_t{buffer->word_bits} * buffer->banks > buffer->capacity.value() ||
        buffer->capacity.value() >= capacity_limit) {
      refuse(at, "each bank has a word of at least 1 bit, and all fit the capacity, below 512 MiB");
    }
  }
}

}  // namespace nj
