#include "progress.hpp"

#include <atomic>
#include <csignal>
#include <cstdio>

#include <fmt/format.h>
#include <unistd.h>

namespace nj {
namespace {

std::atomic<bool> interrupted = false;
static_assert(std::atomic<bool>::is_always_lock_free);

extern "C" void note_interrupt(int signal_number) {
  std::signal(signal_number, SIG_DFL);
  interrupted = true;
  constexpr std::string_view said = "\nends after the work in hand; at once when told again\n";
  const auto written = ::write(STDERR_FILENO, said.data(), said.size());
  (void)written;
}

}  // namespace

void catch_interrupts() {
  std::signal(SIGINT, note_interrupt);
  std::signal(SIGTERM, note_interrupt);
}

void check_interrupt() {
  if (interrupted) throw Interrupted();
}

ProgressDisplay::ProgressDisplay(bool quiet)
    : quiet_(quiet), terminal_(::isatty(STDERR_FILENO) != 0) {}

void ProgressDisplay::report(std::string_view stage, std::size_t done, std::size_t total) {
  if (interrupted) {
    if (terminal_ && !quiet_) fmt::print(stderr, "\n");
    throw Interrupted();
  }
  if (quiet_) return;
  const bool new_stage = stage != stage_;
  if (!terminal_) {
    if (new_stage) fmt::print(stderr, "{}: {}\n", stage, total);
    stage_ = stage;
    return;
  }
  const std::size_t permille = total == 0 ? 1000 : done * 1000 / total;
  if (!new_stage && permille == shown_) return;
  stage_ = stage;
  shown_ = permille;
  constexpr std::size_t width = 40;
  const std::size_t filled = permille * width / 1000;
  fmt::print(stderr, "\r{:<18} [{:<{}}] {:>6} of {}", stage, std::string(filled, '#'), width, done,
             total);
  if (done == total) {
    fmt::print(stderr, "\n");
    stage_.clear();
  }
  std::fflush(stderr);
}

void ProgressDisplay::say(std::string_view line) const {
  if (!quiet_) fmt::print(stderr, "{}\n", line);
}

}  // namespace nj
