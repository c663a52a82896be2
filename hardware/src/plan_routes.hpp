#pragma once

#include "plan.hpp"

namespace nj {

/// Works out the sizes of all packets and the ways that they may take; the last part of a plan.
void add_routes(Plan& plan);

}  // namespace nj
