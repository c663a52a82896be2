#include "link_bookings.hpp"

namespace nj {

std::vector<LinkLoad> LinkBookings::loads() const {
  std::vector<LinkLoad> loads;
  loads.reserve(timings_.size());
  for (std::size_t i = 0; i < timings_.size(); ++i) {
    const Booking& booking = bookings_[i];
    // Packets ahead of one that waits leave one service time apart, so its wait counts them.
    const std::int64_t service = timings_[i].service.value();
    const auto queue =
        static_cast<std::uint64_t>((booking.longest_wait.value() + service - 1) / service);
    loads.push_back({booking.packets * packet_flits_,
                     timings_[i].service * static_cast<std::int64_t>(booking.packets), queue});
  }
  return loads;
}

void LinkBookings::clear_loads() {
  for (Booking& booking : bookings_) booking = {booking.free, Picoseconds{0}, 0};
}

}  // namespace nj
