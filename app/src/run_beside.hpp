#pragma once

#include <string>
#include <vector>

namespace nj {

/// Becomes another program of ours, from the folder of this one, with these arguments. Returns only
/// by throwing: Error(io) when it is not there.
int run_beside(const std::string& program, const std::vector<std::string>& arguments);

}  // namespace nj
