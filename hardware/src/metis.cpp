#include "metis.hpp"

#include <algorithm>
#include <limits>
#include <mutex>

#include <metis.h>

#include "neurojoule/core/error.hpp"

namespace nj {
namespace {

static_assert(sizeof(idx_t) == sizeof(std::int32_t) && sizeof(real_t) == sizeof(float),
              "a METIS of 32-bit integers and floats");

/// The sum of all edge weights that METIS gets, both directions together.
constexpr std::uint64_t weight_sum = std::uint64_t{1} << 30;

/// METIS draws from the C library's rand(), which all threads share, and sets signal handlers.
std::mutex& metis_turn() {
  static std::mutex turn;
  return turn;
}

/// A graph in METIS' compressed rows.
struct Rows {
  std::vector<idx_t> first{0};
  std::vector<idx_t> to;
  std::vector<idx_t> weights;
};

}  // namespace

void MetisGraph::connect(std::uint32_t a, std::uint32_t b, std::uint64_t weight) {
  neighbours_[a].push_back({b, weight});
  neighbours_[b].push_back({a, weight});
}

std::vector<bool> MetisGraph::bisect(std::span<const std::int32_t> weights,
                                     std::span<const float> first_shares,
                                     std::uint64_t seed) const {
  std::uint64_t sum = 0;
  std::size_t count = 0;
  for (const auto& edges : neighbours_) {
    count += edges.size();
    for (const Edge& edge : edges) sum += edge.weight;
  }
  if (count >= weight_sum) throw Error(ErrorKind::capacity, "too many edges for METIS");
  const std::uint64_t unit = sum / (weight_sum - count) + 1;
  Rows rows;
  for (std::vector<Edge> edges : neighbours_) {
    std::sort(edges.begin(), edges.end(), [](const Edge& a, const Edge& b) { return a.to < b.to; });
    for (auto edge = edges.begin(); edge != edges.end();) {
      std::uint64_t weight = 0;
      const std::uint32_t to = edge->to;
      for (; edge != edges.end() && edge->to == to; ++edge) weight += edge->weight;
      rows.to.push_back(static_cast<idx_t>(to));
      rows.weights.push_back(static_cast<idx_t>(std::max<std::uint64_t>(weight / unit, 1)));
    }
    rows.first.push_back(static_cast<idx_t>(rows.to.size()));
  }
  auto vertices = static_cast<idx_t>(neighbours_.size());
  auto constraints = static_cast<idx_t>(first_shares.size());
  std::vector<idx_t> vertex_weights(weights.begin(), weights.end());
  std::vector<real_t> shares(first_shares.begin(), first_shares.end());
  for (const float share : first_shares) shares.push_back(1.0F - share);
  std::vector<real_t> slack(first_shares.size(), 1.02F);
  std::vector<idx_t> part(neighbours_.size());
  idx_t parts = 2;
  idx_t cut = 0;
  const std::lock_guard lock(metis_turn());
  idx_t options[METIS_NOPTIONS];
  METIS_SetDefaultOptions(options);
  options[METIS_OPTION_SEED] =
      static_cast<idx_t>(seed % static_cast<std::uint64_t>(std::numeric_limits<idx_t>::max()));
  options[METIS_OPTION_NCUTS] = 4;
  const int status = METIS_PartGraphRecursive(
      &vertices, &constraints, rows.first.data(), rows.to.data(), vertex_weights.data(), nullptr,
      rows.weights.data(), &parts, shares.data(), slack.data(), options, &cut, part.data());
  if (status != METIS_OK) throw Error(ErrorKind::capacity, "METIS cannot partition the slices");
  return {part.begin(), part.end()};
}

}  // namespace nj
