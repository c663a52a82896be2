#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "neurojoule/core/error.hpp"

#include "nir_fields.hpp"
#include "nir_plan.hpp"

namespace nj::nir {
namespace {

std::string text(const Shape& shape) { return fmt::format("[{}]", fmt::join(shape, ", ")); }

/// The shape that a node gives, from the one that it gets.
class ShapeRule {
 public:
  ShapeRule(const std::string& name, const Shape& in) : name_(name), in_(in) {}

  Shape operator()(const NirInput& op) const { return same_elements(op.shape); }
  Shape operator()(const NirOutput& op) const { return same_elements(op.shape); }
  Shape operator()(const NirLinear& op) const { return product(op.weight); }
  Shape operator()(const NirAffine& op) const { return product(op.weight); }
  Shape operator()(const NirScale& op) const { return same_elements(op.scale.shape); }
  Shape operator()(const NirDelay& op) const { return same_elements(op.delay.shape); }
  Shape operator()(const NirThreshold& op) const { return same_elements(op.threshold.shape); }

  template <class Op>
  requires is_neuron<Op> Shape operator()(const Op& op) const { return same_elements(op.r.shape); }

  template <class Op>
  requires is_pool<Op> Shape operator()(const Op& op) const {
    const Shape map = channels_and(2);
    return {map[0], window(map[1], op.kernel_size[0], op.stride[0], 2 * op.padding[0], 1),
            window(map[2], op.kernel_size[1], op.stride[1], 2 * op.padding[1], 1)};
  }

  Shape operator()(const NirConv1d& op) const {
    Shape given = channels_and(1);
    if (op.input_shape) require_map({*op.input_shape}, given);
    require_channels(op.weight.shape, op.groups, given[0]);
    const auto* pad = std::get_if<std::array<std::uint64_t, 1>>(&op.padding);
    return {op.weight.shape[0], convolved(given[1], op.weight.shape[2], op.stride, op.dilation,
                                          pad == nullptr ? nullptr : pad->data(), op.padding)};
  }

  Shape operator()(const NirConv2d& op) const {
    Shape given = channels_and(2);
    if (op.input_shape) require_map({(*op.input_shape)[0], (*op.input_shape)[1]}, given);
    require_channels(op.weight.shape, op.groups, given[0]);
    const auto* pad = std::get_if<std::array<std::uint64_t, 2>>(&op.padding);
    Shape out = {op.weight.shape[0]};
    for (std::size_t i = 0; i < 2; ++i) {
      out.push_back(convolved(given[i + 1], op.weight.shape[i + 2], op.stride[i], op.dilation[i],
                              pad == nullptr ? nullptr : pad->data() + i, op.padding));
    }
    return out;
  }

  Shape operator()(const NirFlatten& op) const {
    const Shape given = op.input_type ? same_elements(*op.input_type) : in_;
    const auto rank = static_cast<std::int64_t>(given.size());
    const std::int64_t first = op.start_dim < 0 ? op.start_dim + rank : op.start_dim;
    const std::int64_t last = op.end_dim < 0 ? op.end_dim + rank : op.end_dim;
    if (first < 0 || last >= rank || first > last) {
      fail(fmt::format("dimensions {}..{} are not in {}", op.start_dim, op.end_dim, text(given)));
    }
    Shape out(given.begin(), given.begin() + first);
    out.push_back(elements_of({given.begin() + first, given.begin() + last + 1}));
    out.insert(out.end(), given.begin() + last + 1, given.end());
    return out;
  }

  Shape operator()(const NirGraph&) const { return in_; }  // a plan holds none

 private:
  [[noreturn]] void fail(const std::string& message) const {
    throw Error(ErrorKind::shape, message, {.key = name_});
  }

  [[nodiscard]] Shape same_elements(const Shape& own) const {
    if (elements_of(own) != elements_of(in_)) {
      fail(fmt::format("takes {}, and gets {}", text(own), text(in_)));
    }
    return own;
  }

  [[nodiscard]] Shape product(const NirArray& weight) const {
    Shape own = weight.shape;
    const std::uint64_t out = own[own.size() - 2];
    own.erase(own.end() - 2);
    (void)same_elements(own);
    own.back() = out;
    return own;
  }

  [[nodiscard]] Shape channels_and(std::size_t dimensions) const {
    if (in_.size() != dimensions + 1) {
      fail(fmt::format("takes {} dimensions, and gets {}", dimensions + 1, text(in_)));
    }
    return in_;
  }

  void require_map(const Shape& own, const Shape& given) const {
    if (!std::equal(own.begin(), own.end(), given.begin() + 1)) {
      fail(fmt::format("takes maps of {}, and gets {}", text(own), text(given)));
    }
  }

  void require_channels(const Shape& weight, std::uint64_t groups, std::uint64_t channels) const {
    if (weight[1] * groups != channels) {
      fail(fmt::format("takes {} channels, and gets {}", weight[1] * groups, channels));
    }
  }

  [[nodiscard]] std::uint64_t window(std::uint64_t size, std::uint64_t kernel, std::uint64_t stride,
                                     std::uint64_t padding, std::uint64_t dilation) const {
    const std::uint64_t reach = dilation * (kernel - 1) + 1;
    if (reach > size + padding) {
      fail(fmt::format("its window of {} does not fit {} and a padding of {}", reach, size,
                       padding));
    }
    return (size + padding - reach) / stride + 1;
  }

  template <class Padding>
  [[nodiscard]] std::uint64_t convolved(std::uint64_t size, std::uint64_t kernel,
                                        std::uint64_t stride, std::uint64_t dilation,
                                        const std::uint64_t* padding, const Padding& mode) const {
    if (padding != nullptr) return window(size, kernel, stride, 2 * *padding, dilation);
    if (std::get<NirPaddingMode>(mode) == NirPaddingMode::valid) {
      return window(size, kernel, stride, 0, dilation);
    }
    if (stride != 1) {
      throw Error(ErrorKind::unsupported, "'same' padding with a stride above 1", {.key = name_});
    }
    return size;
  }

  const std::string& name_;
  const Shape& in_;
};

/// The shape that a node has by itself, whatever it gets; nullptr for the others.
const Shape* own_shape(const PlanNode& node) {
  return std::visit(
      [](const auto& op) -> const Shape* {
        if constexpr (requires { op.r; }) {
          return &op.r.shape;
        } else if constexpr (requires { op.delay; }) {
          return &op.delay.shape;
        } else if constexpr (requires { op.shape; }) {
          return &op.shape;
        } else {
          return nullptr;
        }
      },
      *node.op);
}

}  // namespace

void infer_shapes(Plan& plan) {
  for (PlanNode& node : plan.nodes) {
    if (const Shape* own = own_shape(node)) node.in = node.out = *own;
  }
  // Sources of an earlier step are neurons, and late delays have their own shape too.
  for (const std::size_t index : plan.order) {
    PlanNode& node = plan.nodes[index];
    if (node.sources.empty() || node.late) continue;
    node.in = plan.nodes[node.sources[0].node].out;
    node.out = std::visit(ShapeRule(node.name, node.in), *node.op);
    if (elements_of(node.out) > max_nir_elements) {
      throw Error(ErrorKind::capacity, fmt::format("gives more than {} elements", max_nir_elements),
                  {.key = node.name});
    }
  }
  for (const PlanNode& node : plan.nodes) {
    for (const Source& source : node.sources) {
      const PlanNode& from = plan.nodes[source.node];
      if (elements_of(from.out) == elements_of(node.in)) continue;
      throw Error(
          ErrorKind::shape,
          fmt::format("takes {}, and gets {} from '{}'", text(node.in), text(from.out), from.name),
          {.key = node.name});
    }
  }
}

}  // namespace nj::nir
