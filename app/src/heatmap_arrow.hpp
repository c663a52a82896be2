#pragma once

#include <string>

#include "heatmap_plan.hpp"

namespace nj {

/// The arrow of a link, in the right-hand lane of its direction, between the nearest boxes of two
/// figures: its outline as the `d` of a path. `room` is the space that the plan leaves for links,
/// and sets how thick it is. With `leaves` it goes out of the picture, away from the other figure.
std::string arrow_outline(const Figure& from, const Figure& to, double room, bool leaves);

}  // namespace nj
