#include "additive_fit.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>

namespace nj {
namespace {

/// How many observations at the cost in question the table's word on a term is worth.
constexpr double trust_in_table = 0.1;

/// One measured candidate: the columns of its terms, what the table misses there, its weight.
struct Row {
  std::vector<std::size_t> columns;
  double missed = 0;
  double weight = 0;
};

double dot(const std::vector<double>& a, const std::vector<double>& b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

/// (A^T W A + trust) x.
std::vector<double> normal_product(std::span<const Row> rows, const std::vector<double>& x) {
  std::vector<double> product(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) product[i] = trust_in_table * x[i];
  for (const Row& row : rows) {
    double sum = 0;
    for (const std::size_t column : row.columns) sum += x[column];
    for (const std::size_t column : row.columns) product[column] += row.weight * sum;
  }
  return product;
}

/// Conjugate gradients on the normal equations, which the trust makes positive definite.
std::vector<double> solve(std::span<const Row> rows, std::size_t columns) {
  std::vector<double> x(columns, 0.0);
  std::vector<double> residual(columns, 0.0);
  for (const Row& row : rows) {
    for (const std::size_t column : row.columns) residual[column] += row.weight * row.missed;
  }
  std::vector<double> direction = residual;
  double square = dot(residual, residual);
  const double small = 1e-20 * square;
  for (std::size_t step = 0; step < 200 && square > small; ++step) {
    const std::vector<double> product = normal_product(rows, direction);
    const double length = square / dot(direction, product);
    for (std::size_t i = 0; i < columns; ++i) {
      x[i] += length * direction[i];
      residual[i] -= length * product[i];
    }
    const double before = square;
    square = dot(residual, residual);
    for (std::size_t i = 0; i < columns; ++i) {
      direction[i] = residual[i] + square / before * direction[i];
    }
  }
  return x;
}

}  // namespace

std::vector<std::vector<double>> fitted_losses(const SensitivityTable& table,
                                               std::span<const Visited> visited, double cost,
                                               double width) {
  std::vector<std::size_t> first;  // column of each variable's first option
  std::size_t columns = 0;
  for (const auto& options : table.loss) {
    first.push_back(columns);
    columns += options.size();
  }
  const std::size_t constant = columns++;
  const double base = table.base_evaluation.objectives[0];
  std::vector<Row> rows;
  for (const auto& [candidate, evaluation] : visited) {
    const double distance = (evaluation.objectives[1] - cost) / width;
    if (std::abs(distance) > 4) continue;
    Row row{{constant}, evaluation.objectives[0] - base, std::exp(-distance * distance)};
    for (std::size_t v = 0; v < candidate.size(); ++v) {
      row.columns.push_back(first[v] + candidate[v]);
      row.missed -= table.loss[v][candidate[v]] - base;
    }
    if (!std::isfinite(row.missed)) continue;
    // A bound only says that the table promises too much.
    if (evaluation.complete || row.missed > 0) rows.push_back(std::move(row));
  }
  const std::vector<double> correction = solve(rows, columns);
  std::vector<std::vector<double>> loss = table.loss;
  for (std::size_t v = 0; v < loss.size(); ++v) {
    for (std::size_t o = 0; o < loss[v].size(); ++o) loss[v][o] += correction[first[v] + o];
  }
  return loss;
}

}  // namespace nj
