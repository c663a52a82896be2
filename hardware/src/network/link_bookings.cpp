#include "link_bookings.hpp"

namespace nj {

std::vector<LinkLoad> LinkBookings::loads() const {
  std::vector<LinkLoad> loads;
  loads.reserve(bookings_.size());
  for (std::uint32_t i = 0; i < bookings_.size(); ++i) {
    const Booking& booking = bookings_[i];
    // Packets of one size that are ahead of one that waits leave a service apart: its wait counts
    // them.
    const std::int64_t service = timings_.of(i, 0).service.value();
    const auto queue =
        static_cast<std::uint64_t>((booking.longest_wait.value() + service - 1) / service);
    loads.push_back({loads_[i].flits, loads_[i].busy, lines_.empty() ? queue : lines_[i].most});
  }
  return loads;
}

void LinkBookings::clear_loads() {
  for (Booking& booking : bookings_) booking.longest_wait = {};
  loads_.assign(loads_.size(), {});
  for (Line& line : lines_) line.most = 0;
}

}  // namespace nj
