#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace nj {

/// An undirected weighted graph for METIS, built from edges in any order and direction.
class MetisGraph {
 public:
  explicit MetisGraph(std::uint32_t vertices) : neighbours_(vertices) {}

  /// Adds to the weight between two different vertices.
  void connect(std::uint32_t a, std::uint32_t b, std::uint64_t weight);

  /// Splits the vertices in two: true for the second part. `weights` are [vertices][constraints],
  /// `first_shares` the share of each constraint's sum that the first part should have (in (0, 1)).
  /// The shares are met nearly, and the weight of the cut edges is small. Equal for equal arguments
  /// and seeds. Throws: Error(capacity) when METIS gives up.
  [[nodiscard]] std::vector<bool> bisect(std::span<const std::int32_t> weights,
                                         std::span<const float> first_shares,
                                         std::uint64_t seed) const;

 private:
  struct Edge {
    std::uint32_t to = 0;
    std::uint64_t weight = 0;
  };
  std::vector<std::vector<Edge>> neighbours_;
};

}  // namespace nj
