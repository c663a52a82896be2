#pragma once

#include <string>

#include <neurojoule/hardware/chip_file.hpp>

#include "support/thrown.hpp"

// Chip files as text, called chip.yaml.
namespace nj::testing {

inline Chip chip_of(const std::string& text) {
  YamlDocument document = YamlDocument::parse(text, "chip.yaml");
  resolve_chip(document, "chip.yaml");
  Chip chip = read_chip(document.root());
  document.finish();
  return chip;
}

/// What reading `text` says.
inline std::string chip_refusal(const std::string& text) {
  return message_of([&] { static_cast<void>(chip_of(text)); });
}

/// What reading `text` says when the first `from` in it is replaced by `to`.
inline std::string chip_refusal(const std::string& text, const std::string& from,
                                const std::string& to) {
  return chip_refusal(with(text, from, to));
}

}  // namespace nj::testing
