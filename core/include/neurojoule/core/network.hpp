#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "neurojoule/core/ids.hpp"
#include "neurojoule/core/operators.hpp"

namespace nj {

/// Which operand of a layer an edge feeds.
enum class Port : std::uint8_t { input, query, key, value, residual, gate };
std::string_view to_string(Port port);

/// The operands that an operator takes, in order.
std::vector<Port> operand_ports(const Operator& op);

/// One layer: a name that is unique in its network, and what it does.
struct LayerSpec {
  std::string name;
  Operator op;
};

/// A connection: the output of `source` is operand `port` of the layer that owns it.
///
/// With a delay of 1, what the layer reads in time step t is what the source sent in step t - 1,
/// and zero in the first step of each sample. Only spikes can wait, binary or graded: the source
/// may be any layer that sends them, the layer itself and those behind it included, so that a cycle
/// is a recurrent network. What the operand causes is counted in the step that reads it.
struct Operand {
  LayerId source;
  Port port = Port::input;
  std::uint32_t delay = 0;  ///< time steps, 0 or 1
};

/// An immutable, validated layer graph; every cycle has an operand with a delay.
///
/// Layers are stored in topological order: `LayerId::index` grows along every edge without delay.
class Network {
 public:
  /// A layer before validation; operands name layers.
  struct Draft {
    std::string name;
    Operator op;
    struct Source {
      std::string layer;
      Port port = Port::input;
      std::uint32_t delay = 0;
    };
    std::vector<Source> operands;
  };

  /// Checks names (unique, known), ports (exactly those of the operator), delays, cycles and
  /// shapes, fills in channels that are 0, and sorts topologically (stable: file order among the
  /// ready). Throws: Error(shape) for shapes and ports, Error(config) for names, delays and cycles
  /// without delay (listed), key = layer name.
  static Network build(std::vector<Draft> drafts);

  [[nodiscard]] std::span<const LayerSpec> layers() const;
  [[nodiscard]] std::size_t size() const { return layers().size(); }
  [[nodiscard]] const LayerSpec& layer(LayerId id) const;
  [[nodiscard]] std::span<const Operand> operands(LayerId id) const;
  [[nodiscard]] std::span<const LayerId> consumers(LayerId id) const;
  /// Output of one time step; the head gives [classes, 1, 1].
  [[nodiscard]] const FeatureShape& output_shape(LayerId id) const;
  /// Largest magnitude that one output element can take: 1 for spikes, the sum for adds; nullopt
  /// for currents (Conv2d, attention, head, sums of them), which are not spike trains.
  [[nodiscard]] std::optional<std::uint32_t> max_output(LayerId id) const;
  /// True when an operand of any layer has a delay.
  [[nodiscard]] bool has_delays() const;
  /// True for layers that send spikes of value 1 only.
  [[nodiscard]] bool is_binary(LayerId id) const;
  /// What an output of value 1 stands for; 1 but for scaled inputs and averages of spikes. Currents
  /// have the scale of their synapses instead.
  [[nodiscard]] double value_scale(LayerId id) const;
  /// True for a current that is a stream (see operators.hpp): it reaches a ResidualAdd, an
  /// AveragePool2d or the head, directly or through MaxPool2d, or comes from one.
  [[nodiscard]] bool is_stream(LayerId id) const;
  [[nodiscard]] std::optional<LayerId> find(std::string_view name) const;
  /// The layers that own weights, in order.
  [[nodiscard]] std::vector<LayerId> weighted_layers() const;

 private:
  struct Graph;
  std::shared_ptr<const Graph> graph_;
};

/// What sits together: what makes a current, the neurons that it alone drives, and the pooling of
/// their spikes. Every layer belongs to exactly one population.
struct Population {
  LayerId lead;                 ///< input, synapses, attention, add, head, ..
  std::optional<LayerId> lif;   ///< neurons driven by the lead
  std::optional<LayerId> pool;  ///< pooling of the neurons' spikes
  [[nodiscard]] LayerId output() const { return pool ? *pool : lif ? *lif : lead; }
  /// Each once, in their order.
  [[nodiscard]] std::vector<LayerId> layers() const;
};

/// Groups the layers of a network into populations, in topological order of their leads. A Lif
/// joins a producer that feeds nothing else, and else leads its own population (lead and lif are
/// then the same layer); a MaxPool2d joins a Lif that feeds nothing else, unless it reads it with a
/// delay.
std::vector<Population> populations(const Network& network);

}  // namespace nj
