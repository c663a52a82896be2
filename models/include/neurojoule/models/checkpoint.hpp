#pragma once

#include <filesystem>

#include "neurojoule/models/family.hpp"
#include "neurojoule/models/model.hpp"
#include "neurojoule/models/safetensors.hpp"

namespace nj {

/// Takes a checkpoint in the authors' state-dict names, with or without a leading `module.` of
/// every name.
///
/// BatchNorm (`.._bn` beside `.._conv` or `.._linear`, eps 1e-5) is folded in double precision and
/// rounded to float; a layer without BatchNorm tensors is taken as folded and must have a bias.
/// Trailing extents of 1 may be missing: `[o, i]`, `[o, i, 1]` and `[o, i, 1, 1]` are the same.
/// Ignored: tensors that the authors' model of this form owns and never uses, and
/// `num_batches_tracked` of each BatchNorm. With `has_classifier` false there must be no `head.*`;
/// its weights are then 0.
///
/// Throws: Error(shape) for a missing tensor, an unknown one (with the nearest known name), one of
/// another shape (expected and found) or of integers, with the file, the tensor and its byte
/// offset; Error as build_network.
Model import_checkpoint(const SafetensorsFile& file, const FamilySpec& spec);

/// Reads `directory / spec.checkpoint` and imports it.
/// Throws: Error(config) when the block names no checkpoint; Error as read_safetensors.
Model load_model(const FamilySpec& spec, const std::filesystem::path& directory);

}  // namespace nj
