#include "neurojoule/hardware/count_definition.hpp"

#include <algorithm>
#include <span>
#include <string_view>

#include <fmt/format.h>

#include "neurojoule/core/error.hpp"

namespace nj {
namespace {

struct Definition {
  std::string_view unit;  ///< after the last dot of a component
  Action action;
  std::string_view text;
};

constexpr std::string_view leakage = "latency in ps x units of this name, used or not";

constexpr Definition of_neurons[] = {
    {"neuron_unit", Action::accumulate,
     "per neuron and step: 3 (bias, difference, leak); a head: 1 per class and sample"},
    {"neuron_unit", Action::shift, "per neuron and step: 1"},
    {"neuron_unit", Action::compare, "per neuron and step: 1"},
    {"neuron_unit", Action::neuron_update_active,
     "per neuron and step in which input reached it, or it fired"},
    {"neuron_unit", Action::neuron_update_inactive, "per neuron and step without input and spike"},
    {"neuron_unit", Action::or_bit, "per spike and pooling window that it falls into"},
};

constexpr Definition of_cores[] = {
    {"synapse_memory", Action::read_word,
     "per spike that reaches a slice: P x ceil(n x weight bits / word); n channels of the slice, P "
     "positions that it reaches there"},
    {"accumulator_memory", Action::read_word,
     "of weights and adds, per spike that reaches a slice: P x ceil(n x accumulator bits / word); "
     "of neurons, per slice and step: ceil(neurons x accumulator bits / word)"},
    {"accumulator_memory", Action::write_word,
     "of weights and adds, as often as read; of neurons, per slice and step: ceil(neurons x "
     "accumulator bits / word), to clear them"},
    {"membrane_memory", Action::read_word,
     "per slice and step: ceil(neurons x membrane bits / word)"},
    {"membrane_memory", Action::write_word,
     "per slice and step: ceil(neurons x membrane bits / word)"},
    {"synapse_unit", Action::accumulate, "per spike that reaches a slice: P x n additions"},
    {"synapse_unit", Action::synaptic_operation, "per spike that reaches a slice: P x n weights"},
    {"synapse_unit", Action::multiply,
     "P x n per value that is no binary spike: input frames, residual streams"},
    {"synapse_unit", Action::shift, "P x n per spike: decodes power-of-two weights"},
    {"axon_out", Action::packet_inject,
     "per spike and slice that it is for; with multicast per spike"},
    {"axon_in", Action::packet_deliver, "per packet and slice that gets it"},
    {"axon_table", Action::read_word, "per packet and slice that gets it"},
};

// The same memory holds packets on one kind of core, and q, k and v on the other.
constexpr Definition of_packets[] = {
    {"spike_buffer", Action::read_word, "per packet that comes"},
    {"spike_buffer", Action::write_word, "per packet that comes"},
};
constexpr Definition of_attention[] = {
    {"spike_buffer", Action::read_word,
     "rows of ceil(d / word) words: per head and query token one of q; if it has a spike, one of k "
     "per key token; one of v per score that is not 0"},
    {"spike_buffer", Action::write_word, "per bit of q, k or v that comes"},
    {"attention_unit", Action::and_bit,
     "per head and query token with a spike, per key token: d channels of the head"},
    {"attention_unit", Action::accumulate, "one per coincidence and per addition of a score"},
    {"attention_unit", Action::synaptic_operation,
     "one per coincidence and per addition of a score"},
};
// Where K^T V is added up first.
constexpr Definition of_values_first[] = {
    {"spike_buffer", Action::read_word,
     "rows of ceil(d / word) words: per head and key token one of k, and one of v if that has a "
     "spike; per head and query token one of q"},
    {"spike_buffer", Action::write_word, "per bit of q, k or v that comes"},
    {"score_memory", Action::read_word,
     "rows of K^T V, ceil(d s / word) words with s the bits of the number of tokens: per spike of "
     "k "
     "beside a v with spikes, but the first in a step; per spike of q, if not all 0"},
    {"score_memory", Action::write_word, "a row of K^T V per spike of k beside a v with spikes"},
    {"attention_unit", Action::accumulate,
     "one per pair of spikes of k and v of a token, and per element of K^T V that is not 0 and "
     "that "
     "a spike of q adds"},
    {"attention_unit", Action::synaptic_operation, "one per addition"},
};

// Of encoders that read frames themselves, and the memory that they read.
constexpr Definition of_frames[] = {
    {"synapse_memory", Action::read_word,
     "per slice and step: input channels x kernel positions x ceil(n x weight bits / word)"},
    {"accumulator_memory", Action::read_word,
     "per slice and step: positions x ceil(n x accumulator bits / word); of neurons, per slice and "
     "step: ceil(neurons x accumulator bits / word)"},
    {"accumulator_memory", Action::write_word,
     "of sums and of neurons, as often as read; neurons clear them"},
    {"frame_buffer", Action::read_word,
     "per slice and step: each row that it sees as often as it has rows of outputs that see it; of "
     "the row's words those with a value that is not 0, or all"},
    {"frame_buffer", Action::write_word,
     "per slice and step: ceil(row bits / word) for each row of the frame that it sees"},
    {"encoder_unit", Action::accumulate,
     "P x n per value of a frame that is not 0, or any: P positions that it reaches in a slice, n "
     "channels of the slice"},
    {"encoder_unit", Action::synaptic_operation,
     "P x n per value of a frame that is not 0, or any: weights"},
    {"encoder_unit", Action::multiply,
     "P x n per value of a frame that is not 0, or any, where values are not binary"},
    {"encoder_unit", Action::shift,
     "P x n per value of a frame that is not 0, or any: decodes power-of-two weights"},
    {"memory", Action::read_bit, "per slice and step: bits of the rows of the frame that it sees"},
};

constexpr Definition of_chips[] = {
    {"router", Action::spike_within_tile, "per packet and receiver in the sender's tile"},
    {"router", Action::hop_east_west, "per packet and horizontal link on its way"},
    {"router", Action::hop_north_south, "per packet and vertical link on its way"},
    {"router", Action::hop_east, "per packet and link to the east on its way"},
    {"router", Action::hop_west, "per packet and link to the west on its way"},
    {"router", Action::hop_north, "per packet and link to the north on its way"},
    {"router", Action::hop_south, "per packet and link to the south on its way"},
    {"router", Action::hop, "per packet and link on its way"},
    {"router", Action::hop_chip, "per packet and link between chips on its way"},
    {"memory", Action::read_bit, "per step: values of the input frame x their bits, 0 or not"},
    {"synchronisation", Action::barrier, "per global step: T + levels - 1 of them per inference"},
};

constexpr Definition of_arrays[] = {
    {"pe", Action::accumulate, "per input that is not 0 and channel of its block"},
    {"pe", Action::synaptic_operation, "per input that is not 0 and channel of its block"},
    {"pe", Action::multiply, "per value that is no binary spike, and channel of its block"},
    {"pe", Action::shift, "per input that is not 0 and channel: decodes power-of-two weights"},
    {"pe", Action::and_bit,
     "per query spike and key token, or with K^T V first per key spike and channel of its head"},
    {"weight_buffer", Action::read_word,
     "per step of a block: ceil(channels x weight bits / word)"},
    {"weight_buffer", Action::write_word,
     "of weights once per turn, of k and v once per job: ceil(bits / word)"},
    {"input_buffer", Action::read_word,
     "per block, position and kernel position: ceil(channels seen x input bits / word)"},
    {"input_buffer", Action::write_word,
     "per job what its windows see: ceil(bits / word); once per turn where half of the buffer "
     "holds "
     "all"},
    {"accumulator_buffer", Action::read_word,
     "by neurons as written by their job; scores and K^T V per row or step"},
    {"accumulator_buffer", Action::write_word,
     "per block and position: ceil(channels x accumulator bits / word)"},
    {"membrane_buffer", Action::read_word,
     "per tile and step: ceil(neurons x membrane bits / word), and again what is spilled"},
    {"membrane_buffer", Action::write_word,
     "per tile and step: ceil(neurons x membrane bits / word), and again what is loaded back"},
    {"output_buffer", Action::read_word,
     "per job: ceil(bits of its outputs / word), to store them"},
    {"output_buffer", Action::write_word, "per job: ceil(bits of its outputs / word)"},
    {"spike_buffer", Action::read_word, "per load from it: ceil(bits / word)"},
    {"spike_buffer", Action::write_word, "per store to it: ceil(bits / word)"},
    {"memory", Action::read_bit,
     "bits of whole words: weights, input frames, trains and membranes that are not on the chip"},
    {"memory", Action::write_bit,
     "bits of whole words: trains, results and membranes that are not kept on the chip"},
};

const Definition* find(std::span<const Definition> in, std::string_view unit, Action action) {
  const auto found = std::find_if(in.begin(), in.end(), [&](const Definition& definition) {
    return definition.unit == unit && definition.action == action;
  });
  return found == in.end() ? nullptr : &*found;
}

bool holds_attention(const ChipSpec& chip, std::string_view kind, ProductOrder order) {
  return std::any_of(chip.core_kinds.begin(), chip.core_kinds.end(), [&](const auto& one) {
    return one.name == kind && one.has(CoreRole::attention) && one.attention == order;
  });
}

bool takes_packets(const ChipSpec& chip, std::string_view kind) {
  return std::any_of(chip.core_kinds.begin(), chip.core_kinds.end(), [&](const auto& one) {
    return one.name == kind && one.holds_weights() && one.takes_packets();
  });
}

bool reads_frames(const ChipSpec& chip, std::string_view kind) {
  return std::any_of(chip.core_kinds.begin(), chip.core_kinds.end(), [&](const auto& one) {
    return one.encoder_unit && (one.name == kind || kind == "off_chip");
  });
}

}  // namespace

std::string count_definition(const ChipSpec& chip, const std::string& component, Action action) {
  if (action == Action::leak_cycle) return std::string(leakage);
  const std::size_t dot = component.rfind('.');
  const std::string kind = component.substr(0, dot);
  const std::string unit = dot == std::string::npos ? "" : component.substr(dot + 1);
  std::string text;
  const auto add = [&](std::span<const Definition> in, std::string_view of) {
    const Definition* const found = find(in, unit, action);
    if (found == nullptr) return;
    if (!text.empty()) text += fmt::format("; or, of {}: ", of);
    text += found->text;
  };
  add(of_neurons, "neurons");
  if (chip.array) {
    add(of_arrays, "arrays");
  } else {
    if (reads_frames(chip, kind)) add(of_frames, "frames");
    if (text.empty() || takes_packets(chip, kind)) add(of_cores, "packets");
    add(of_chips, "packets");
    if (takes_packets(chip, kind)) add(of_packets, "packets");
    if (holds_attention(chip, kind, ProductOrder::scores_first)) add(of_attention, "attention");
    if (holds_attention(chip, kind, ProductOrder::values_first)) {
      add(of_values_first, "attention");
    }
  }
  if (text.empty()) {
    throw Error(ErrorKind::config,
                fmt::format("{} does not count {} of {}", chip.name, to_string(action), component));
  }
  return text;
}

}  // namespace nj
