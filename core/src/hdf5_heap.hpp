#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include <hdf5.h>

namespace nj {

/// Checks that the texts of variable length of a dataset lie where its references say: each in a
/// global heap collection, under its index, with its length. The references themselves are in one
/// piece, or in chunks that are plain or deflated.
///
/// HDF5 1.10 follows such references unchecked, and a damaged one makes it read or write outside of
/// its buffers. Returns what is wrong, or nullopt.
/// Source: HDF5 File Format Specification 3.0, III.E (global heap) and IV.A.2.d (class 9).
std::optional<std::string> damaged_texts(const std::filesystem::path& file, hid_t file_id,
                                         hid_t dataset, std::uint64_t elements);

}  // namespace nj
