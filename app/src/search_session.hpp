#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "neurojoule/app/search.hpp"
#include "neurojoule/search/evaluator.hpp"

#include "search_costs.hpp"
#include "search_problem.hpp"

namespace nj {

/// Everything that a search is made of. What prepares it is in search.cpp, what runs it in
/// search_run.cpp, with all that only a run needs.
class PreparedSearch::Session {
 public:
  Session(SearchScenario search, unsigned threads);
  [[nodiscard]] SearchSize size() const {
    return {formats_.space.options.size(), formats_.space.size()};
  }
  SearchResult run(const std::filesystem::path& folder, const Progress& progress);

 private:
  /// Losses on all validation samples, and on those that algorithms see.
  struct Measurer {
    Problem all;
    ResultStore& all_store;
    Problem scouts;
    ResultStore& scout_store;
  };

  [[noreturn]] void refuse(const std::string& message, const std::string& key) const;
  void check_samples() const;
  void make_costs();
  void check_area() const;
  void check_limits();
  [[nodiscard]] const CandidateCost& cost() const { return costs_.at(spec_.cost); }

  void tell(std::string_view stage, std::size_t done, std::size_t total);
  void make_problem();
  [[nodiscard]] std::string fingerprint() const;
  void describe(SearchResult& result) const;
  [[nodiscard]] std::vector<double> reference_point(const Measurer& measurer) const;
  void run_algorithm(SearchAlgorithm algorithm, const Measurer& measurer,
                     const std::vector<double>& reference, SearchResult& result);
  [[nodiscard]] std::string running_front(const Evaluator& evaluator) const;
  [[nodiscard]] std::vector<FrontPoint> chosen() const;
  void finish(SearchResult& result);

  const SearchScenario search_;
  const Scenario& scenario_;
  const SearchSpec& spec_;
  std::filesystem::path folder_;
  unsigned threads_;
  Progress progress_;
  struct Told {
    std::string_view stage;
    std::size_t done = 0;
    std::size_t total = 0;
  };
  Told told_;
  std::unique_ptr<const Dataset> test_;
  Model model_;
  FormatSpace formats_;
  std::unique_ptr<const Dataset> calibration_;
  std::unique_ptr<const Dataset> validation_;
  std::unique_ptr<const ChipCosts> chip_;
  std::unique_ptr<BaseActivity> base_;
  std::map<SearchCost, CandidateCost> costs_;
  std::vector<CandidateCost> limited_;
  std::vector<double> limits_;
  std::unique_ptr<FormatProblem> problem_;
  ParetoFront front_;
};

}  // namespace nj
