#include "neurojoule/energy/process.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>

#include "neurojoule/core/error.hpp"

namespace nj {
namespace {

struct NodePolynomial {
  double node_nm;
  double a, b, c;  // energy ~ a V^2 + b V + c
};

constexpr std::array<NodePolynomial, 8> polynomials{{{65, 3.755, -4.398, 1.975},
                                                     {45, 1.103, -0.362, 0.2767},
                                                     {32, 0.9559, -0.7823, 0.471},
                                                     {20, 0.373, -0.1582, 0.04104},
                                                     {16, 0.2958, -0.1241, 0.03024},
                                                     {14, 0.2363, -0.09675, 0.02239},
                                                     {10, 0.2068, -0.09311, 0.02375},
                                                     {7, 0.1776, -0.09097, 0.02447}}};
constexpr double min_voltage = 0.5;
constexpr double max_voltage = 1.2;

bool near(double a, double b) {
  return std::abs(a - b) <= 1e-6 * std::max(std::abs(a), std::abs(b));
}

double relative_energy(const Process& process) {
  const double v = process.voltage.value();
  if (!(v >= min_voltage && v <= max_voltage)) {
    throw Error(ErrorKind::config, fmt::format("technology scaling covers {} V to {} V, got {} V",
                                               min_voltage, max_voltage, v));
  }
  for (const auto& p : polynomials) {
    if (near(p.node_nm, process.node.value())) return (p.a * v + p.b) * v + p.c;
  }
  std::string nodes;
  for (const auto& p : polynomials)
    nodes += fmt::format("{}{}", nodes.empty() ? "" : ", ", p.node_nm);
  throw Error(ErrorKind::config, fmt::format("technology scaling covers the nodes {} nm, got {} nm",
                                             nodes, process.node.value()));
}

}  // namespace

bool same_process(const Process& a, const Process& b) {
  return near(a.node.value(), b.node.value()) && near(a.voltage.value(), b.voltage.value());
}

std::string to_string(const Process& process) {
  return fmt::format("{} nm at {} V", process.node.value(), process.voltage.value());
}

double energy_scale(const Process& from, const Process& to) {
  const double before = relative_energy(from);
  const double after = relative_energy(to);
  return same_process(from, to) ? 1.0 : after / before;
}

Picojoules scale_energy(Picojoules energy, const Process& from, const Process& to) {
  return energy * energy_scale(from, to);
}

}  // namespace nj
