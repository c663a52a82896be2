#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "neurojoule/search/problem.hpp"

namespace nj {

/// Measurements on disk, so that none is made twice: lines that are only ever appended, each with
/// a checksum. A killed search leaves at most one cut line, which the next opening drops.
class ResultStore {
 public:
  /// Opens or creates the file, and holds it alone until destroyed. `fingerprint` names all that a
  /// measurement depends on besides the candidate: one word of hexadecimal digits.
  /// Throws: Error(format) with file and line: another fingerprint, number of variables or
  /// objectives, a damaged line, a file that is no store; Error(io): unreadable, or in use by
  /// another process; Error(capacity): above 1 GiB; Error(config): an empty or odd fingerprint.
  ResultStore(const std::filesystem::path& file, std::string fingerprint, std::size_t variables,
              std::size_t objectives);
  ~ResultStore();
  ResultStore(const ResultStore&) = delete;
  ResultStore& operator=(const ResultStore&) = delete;

  /// What was recorded of the candidate, oldest first; several where it was given up before.
  [[nodiscard]] std::span<const Evaluation> find(const Candidate& candidate) const;

  /// Number of records.
  [[nodiscard]] std::size_t size() const { return size_; }

  /// Appends the records in one write. They survive the end of the process as soon as this
  /// returns, and a power cut once the system has written them.
  /// Throws: Error(io), e.g. on a full disk; then the file is as it was before.
  void append(std::span<const Candidate> candidates, std::span<const Evaluation> evaluations);

 private:
  void read(const std::string& content);
  void write_at_end(const std::string& text);

  std::filesystem::path file_;
  std::size_t variables_;
  std::size_t objectives_;
  std::string header_;
  int descriptor_ = -1;
  std::uint64_t bytes_ = 0;  ///< of whole lines in the file
  std::size_t size_ = 0;
  std::map<Candidate, std::vector<Evaluation>> records_;
};

}  // namespace nj
