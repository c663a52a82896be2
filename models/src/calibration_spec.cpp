#include <fmt/format.h>

#include "neurojoule/models/calibrate.hpp"

namespace nj {

CalibrationSpec read_calibration_spec(const YamlNode& node) {
  CalibrationSpec spec;
  if (const auto value = node.find("compensation")) spec.compensation = value->boolean();
  if (const auto value = node.find("correction")) spec.correction = value->boolean();
  if (const auto value = node.find("order")) {
    spec.activity_order = value->one_of<bool>({{"activity", true}, {"index", false}});
  }
  if (const auto value = node.find("damping")) spec.damping = value->real(1e-6, 10.0);
  if (const auto value = node.find("rounds")) {
    spec.rounds = static_cast<int>(value->integer(1, 20));
  }
  if (const auto value = node.find("refinements")) {
    spec.refinements = static_cast<int>(value->integer(0, 20));
  }
  return spec;
}

std::string to_yaml_flow(const CalibrationSpec& spec) {
  return fmt::format(
      "compensation: {}, correction: {}, order: {}, damping: {}, rounds: {}, refinements: {}",
      spec.compensation, spec.correction, spec.activity_order ? "activity" : "index", spec.damping,
      spec.rounds, spec.refinements);
}

}  // namespace nj
