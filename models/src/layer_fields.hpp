#pragma once

#include <array>
#include <concepts>
#include <cstdint>
#include <string_view>
#include <type_traits>
#include <vector>

#include "neurojoule/core/network.hpp"

// The one table of what files say about layers: names, units and ranges of every operator's
// parameters. Model files (HDF5) and layer lists (YAML) are read and written through it; defaults
// are those of the structs in core/operators.hpp.
namespace nj::fields {

/// A parameter as files have it.
struct Field {
  std::string_view name;
  bool required = false;  ///< else it may be left out
  double min = 0.0;       ///< of numbers, inclusive
  double max = 0.0;
  bool none = false;        ///< the word `none` stands for infinity
  std::string_view unit{};  ///< empty where the name says it, or for words
};

inline constexpr double largest_size = 2147483648.0;  ///< channels, rows, columns: 2^31
inline constexpr double largest_step = 65535.0;       ///< kernels, strides, padding, dilation
inline constexpr double least_positive = 1e-30;
inline constexpr double largest_real = 1e30;
inline constexpr std::string_view no_unit = "1";
inline constexpr std::string_view time_step = "time step";

constexpr Field sizes(std::string_view name, bool required = false) {
  return {name, required, 1.0, largest_size};
}
constexpr Field steps(std::string_view name, double min = 1.0) {
  return {name, false, min, largest_step};
}
constexpr Field positive(std::string_view name) {
  return {name, false, least_positive, largest_real, false, no_unit};
}
constexpr Field time_constant(std::string_view name) {
  return {name, false, 1.0, largest_real, true, time_step};
}
constexpr Field word(std::string_view name) { return {.name = name}; }

/// How late an operand is read: `input_delay_steps`, in time steps.
constexpr Field delay_steps(Port port) {
  constexpr std::array<std::string_view, 6> names = {"input_delay_steps",    "query_delay_steps",
                                                     "key_delay_steps",      "value_delay_steps",
                                                     "residual_delay_steps", "gate_delay_steps"};
  return {names.at(static_cast<std::size_t>(port)), false, 0.0, 1.0};
}

/// The words of a choice, by value.
constexpr std::array<std::string_view, 2> words_of(bool) { return {"false", "true"}; }
constexpr std::array<std::string_view, 2> words_of(Reset) { return {"to_zero", "by_subtraction"}; }
constexpr std::array<std::string_view, 2> words_of(Firing) {
  return {"at_threshold", "above_threshold"};
}
constexpr std::array<std::string_view, 2> words_of(SumAxis) { return {"tokens", "head"}; }

template <class T>
concept Choice = std::same_as<T, bool> || std::is_enum_v<T>;

template <class T, class Op>
concept Is = std::same_as<std::remove_const_t<T>, Op>;

/// Calls `visit(field, parameter)` for each parameter of an operator, in file order.
template <Is<Input> Op, class Visit>
void visit_fields(Op& op, Visit&& visit) {
  visit(sizes("shape", true), op.shape);
  visit(Field{"max_value", false, 1.0, 32767.0}, op.max_value);
  visit(Field{"min_value", false, -32768.0, 0.0}, op.min_value);
  visit(positive("scale"), op.scale);
}
template <Is<Conv2d> Op, class Visit>
void visit_fields(Op& op, Visit&& visit) {
  visit(sizes("in_channels"), op.in_channels);
  visit(sizes("out_channels", true), op.out_channels);
  visit(steps("kernel"), op.kernel);
  visit(steps("stride"), op.stride);
  visit(steps("padding", 0.0), op.padding);
  visit(steps("dilation"), op.dilation);
  visit(sizes("groups"), op.groups);
}
template <Is<Lif> Op, class Visit>
void visit_fields(Op& op, Visit&& visit) {
  visit(time_constant("tau"), op.tau);
  visit(positive("v_threshold"), op.v_threshold);
  visit(word("reset"), op.reset);
  visit(word("decay_input"), op.decay_input);
  visit(word("firing"), op.firing);
  visit(Field{"refractory", false, 0.0, 4294967295.0, false, time_step}, op.refractory);
  visit(time_constant("tau_synapse"), op.tau_synapse);
}
template <class Op, class Visit>
requires(Is<Op, MaxPool2d> || Is<Op, AveragePool2d>) void visit_fields(Op& op, Visit&& visit) {
  visit(steps("kernel"), op.kernel);
  visit(steps("stride"), op.stride);
  visit(steps("padding", 0.0), op.padding);
}
template <class Op, class Visit>
requires(Is<Op, ResidualAdd> || Is<Op, SpikeAnd> || Is<Op, Flatten>) void visit_fields(Op&,
                                                                                       Visit&&) {}
template <Is<SpikingSelfAttention> Op, class Visit>
void visit_fields(Op& op, Visit&& visit) {
  visit(sizes("heads"), op.heads);
  visit(positive("scale"), op.scale);
}
template <Is<SpikeSum> Op, class Visit>
void visit_fields(Op& op, Visit&& visit) {
  visit(word("axis"), op.axis);
  visit(sizes("heads"), op.heads);
  visit(positive("scale"), op.scale);
}
template <Is<TokenChannelMax> Op, class Visit>
void visit_fields(Op& op, Visit&& visit) {
  visit(sizes("heads"), op.heads);
}
template <Is<ClassifierHead> Op, class Visit>
void visit_fields(Op& op, Visit&& visit) {
  visit(sizes("in_channels"), op.in_channels);
  visit(sizes("classes", true), op.classes);
}

/// Every operator with its defaults, in the order of the variant.
std::vector<Operator> all_operators();
/// The word of a kind: that of `kind_name`, but `conv2d` also for a 1 x 1 kernel.
std::string_view kind_word(const Operator& op);
/// The words of all kinds, in the order of the variant.
std::vector<std::string_view> kind_words();

}  // namespace nj::fields
