#include "neurojoule/search/result_store.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include "neurojoule/core/atomic_file.hpp"
#include "neurojoule/core/error.hpp"

// A file is lines of `<checksum> <text>`. The text of the first is
//   neurojoule search results 1 <fingerprint> <variables> <objectives>
// and that of a record
//   <options, with commas> <complete or bound> <violation> <objectives...>
// with numbers in hexadecimal, exactly.
namespace nj {
namespace {

constexpr std::string_view magic = "neurojoule search results 1";
constexpr std::uint64_t most_bytes = std::uint64_t{1} << 30;

/// FNV-1a, 64 bits. Source: RFC 9923.
std::uint64_t checksum_of(std::string_view text) {
  std::uint64_t hash = 0xCBF29CE484222325U;
  for (const char letter : text) {
    hash = (hash ^ static_cast<unsigned char>(letter)) * 0x100000001B3U;
  }
  return hash;
}

std::string line_of(std::string_view text) {
  return fmt::format("{:016x} {}\n", checksum_of(text), text);
}

std::string exact(double value) {
  char text[64];
  const auto end = std::to_chars(std::begin(text), std::end(text), value, std::chars_format::hex);
  return {std::begin(text), end.ptr};
}

std::string record_of(const Candidate& candidate, const Evaluation& evaluation) {
  std::string text =
      fmt::format("{} {} {}", fmt::join(candidate, ","), evaluation.complete ? "complete" : "bound",
                  exact(evaluation.violation));
  for (const double objective : evaluation.objectives) text += " " + exact(objective);
  return text;
}

/// What stands before the next separator, which is taken off the text.
std::string_view take(std::string_view& text, char separator) {
  const std::string_view part = text.substr(0, text.find(separator));
  text.remove_prefix(std::min(text.size(), part.size() + 1));
  return part;
}

std::optional<double> exact_from(std::string_view text) {
  double value = 0;
  const auto [end, code] =
      std::from_chars(text.data(), text.data() + text.size(), value, std::chars_format::hex);
  if (code != std::errc{} || end != text.data() + text.size() || !std::isfinite(value)) return {};
  return value;
}

std::optional<Candidate> candidate_from(std::string_view text) {
  Candidate candidate;
  while (!text.empty()) {
    const std::string_view part = take(text, ',');
    std::uint16_t option = 0;
    const auto [end, code] = std::from_chars(part.data(), part.data() + part.size(), option);
    if (code != std::errc{} || end != part.data() + part.size()) return {};
    candidate.push_back(option);
  }
  return candidate;
}

std::optional<std::pair<Candidate, Evaluation>> record_from(std::string_view text) {
  const auto candidate = candidate_from(take(text, ' '));
  const std::string_view state = take(text, ' ');
  const auto violation = exact_from(take(text, ' '));
  if (!candidate || !violation || (state != "complete" && state != "bound")) return {};
  Evaluation evaluation{{}, *violation, state == "complete"};
  while (!text.empty()) {
    const auto objective = exact_from(take(text, ' '));
    if (!objective) return {};
    evaluation.objectives.push_back(*objective);
  }
  return std::pair{*candidate, std::move(evaluation)};
}

/// The text of a line whose checksum is right.
std::optional<std::string_view> sound(std::string_view line) {
  std::string_view text = line;
  const std::string_view checksum = take(text, ' ');
  if (checksum != fmt::format("{:016x}", checksum_of(text))) return {};
  return text;
}

}  // namespace

ResultStore::ResultStore(const std::filesystem::path& file, std::string fingerprint,
                         std::size_t variables, std::size_t objectives)
    : file_(file), variables_(variables), objectives_(objectives) {
  if (fingerprint.empty() || fingerprint.size() > 256 ||
      fingerprint.find_first_not_of("0123456789abcdef") != std::string::npos) {
    throw Error(ErrorKind::config,
                fmt::format("the fingerprint '{}' is not 1..256 hexadecimal digits", fingerprint),
                {.file = file.string()});
  }
  header_ = fmt::format("{} {} {} {}", magic, fingerprint, variables, objectives);
  descriptor_ = ::open(file_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  const auto refuse = [&](const char* what, int code) {
    if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
    throw Error(ErrorKind::io, fmt::format("{}: {}", what, std::generic_category().message(code)),
                {.file = file_.string()});
  };
  if (descriptor_ < 0) refuse("cannot be opened", errno);
  if (::flock(descriptor_, LOCK_EX | LOCK_NB) != 0) refuse("is in use by another search", errno);
  try {
    read(read_file(file_, most_bytes));
  } catch (...) {
    ::close(std::exchange(descriptor_, -1));
    throw;
  }
}

ResultStore::~ResultStore() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void ResultStore::read(const std::string& content) {
  std::size_t line_number = 1;
  const auto refuse = [&](const std::string& message) {
    throw Error(ErrorKind::format, message, {.file = file_.string(), .line = line_number});
  };
  std::string_view lines(content);
  lines = lines.substr(0, lines.rfind('\n') + 1);  // npos + 1 is 0: no whole line
  if (lines.empty()) {
    const std::string first = line_of(header_);
    if (first.compare(0, content.size(), content) != 0) refuse("this is no file of search results");
    return write_at_end(first);
  }
  bytes_ = lines.size();
  const auto header = sound(take(lines, '\n'));
  if (!header || !header->starts_with(magic)) refuse("this is no file of search results");
  if (*header != header_) {
    refuse(fmt::format("these are results of another search ('{}', here '{}')",
                       header->substr(magic.size() + 1),
                       std::string_view(header_).substr(magic.size() + 1)));
  }
  while (!lines.empty()) {
    ++line_number;
    const auto text = sound(take(lines, '\n'));
    auto record = text ? record_from(*text) : std::nullopt;
    if (!record || record->first.size() != variables_ ||
        record->second.objectives.size() != objectives_) {
      refuse("damaged record");
    }
    records_[std::move(record->first)].push_back(std::move(record->second));
    ++size_;
  }
  if (bytes_ < content.size() && ::ftruncate(descriptor_, static_cast<off_t>(bytes_)) != 0) {
    throw Error(ErrorKind::io, "cannot be written", {.file = file_.string()});
  }
}

std::span<const Evaluation> ResultStore::find(const Candidate& candidate) const {
  const auto found = records_.find(candidate);
  if (found == records_.end()) return {};
  return found->second;
}

void ResultStore::append(std::span<const Candidate> candidates,
                         std::span<const Evaluation> evaluations) {
  std::string text;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    text += line_of(record_of(candidates[i], evaluations[i]));
  }
  write_at_end(text);
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    records_[candidates[i]].push_back(evaluations[i]);
  }
  size_ += candidates.size();
}

void ResultStore::write_at_end(const std::string& text) {
  const Location location{.file = file_.string()};
  if (text.size() > most_bytes - bytes_) {
    throw Error(ErrorKind::capacity, fmt::format("would grow above {} bytes", most_bytes),
                location);
  }
  std::size_t done = 0;
  while (done < text.size()) {
    const ssize_t written = ::pwrite(descriptor_, text.data() + done, text.size() - done,
                                     static_cast<off_t>(bytes_ + done));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      const int code = errno;
      // What cannot be cut off again is a cut line, which the next opening drops.
      [[maybe_unused]] const int ignored = ::ftruncate(descriptor_, static_cast<off_t>(bytes_));
      throw Error(ErrorKind::io,
                  fmt::format("cannot be written: {}", std::generic_category().message(code)),
                  location);
    }
    done += static_cast<std::size_t>(written);
  }
  bytes_ += text.size();
}

}  // namespace nj
