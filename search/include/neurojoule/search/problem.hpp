#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

// What is searched: a choice of one option for each of several variables, with objectives that are
// all minimised. The first one, the loss, is expensive to know; the others, the costs, are cheap.
namespace nj {

/// The option taken for each variable.
using Candidate = std::vector<std::uint16_t>;

/// The options there are.
struct SearchSpace {
  std::vector<std::uint32_t> options;  ///< how many each variable has, 1..65536

  /// Number of candidates; 2^64 - 1 where there are more than that.
  [[nodiscard]] std::uint64_t size() const;
  /// Whether the candidate takes one existing option of each variable.
  [[nodiscard]] bool contains(const Candidate& candidate) const;
};

/// What is known of a candidate without a measurement.
struct Costs {
  std::vector<double> values{};  ///< objectives[1..] of its evaluation, exactly
  double violation = 0;          ///< of the constraints on them; 0: none is broken
};

/// What a measurement says.
struct Evaluation {
  std::vector<double> objectives{};  ///< loss, then costs; all minimised
  double violation = 0;              ///< 0: all constraints met; larger is worse
  bool complete = true;              ///< false: given up early, the loss is only a lower bound

  bool operator==(const Evaluation&) const = default;
};

/// The largest loss at which a point of these costs would not be dominated (infinite: at any). A
/// candidate whose loss is surely above it need not be measured to the end.
using Bar = std::function<double(std::span<const double> costs)>;

/// A view of any problem: a type with these four members, which must outlive the view.
///
///     const SearchSpace& space() const;
///     std::size_t objectives() const;                 // the loss and at least one cost
///     Costs costs(const Candidate&) const;            // exact, and cheap
///     std::vector<Evaluation> evaluate(std::span<const Candidate>, const Bar&) const;
///
/// `evaluate` takes a batch, may work in parallel, and calls the bar from any thread. What it says
/// of a candidate depends on the candidate and the bar alone. A candidate that it gives up early
/// has a lower bound above the bar for its loss.
class Problem {
 public:
  template <class P>
  explicit Problem(const P& problem)
      : problem_(&problem),
        space_([](const void* p) -> const SearchSpace& { return as<P>(p).space(); }),
        objectives_([](const void* p) -> std::size_t { return as<P>(p).objectives(); }),
        costs_([](const void* p, const Candidate& c) -> Costs { return as<P>(p).costs(c); }),
        evaluate_([](const void* p, std::span<const Candidate> batch,
                     const Bar& bar) -> std::vector<Evaluation> {
          return as<P>(p).evaluate(batch, bar);
        }) {}
  template <class P>
  explicit Problem(const P&& problem) = delete;
  Problem(const Problem&) = default;
  Problem(Problem&&) = default;
  Problem& operator=(const Problem&) = default;
  Problem& operator=(Problem&&) = default;
  ~Problem() = default;

  [[nodiscard]] const SearchSpace& space() const { return space_(problem_); }
  [[nodiscard]] std::size_t objectives() const { return objectives_(problem_); }
  [[nodiscard]] Costs costs(const Candidate& candidate) const {
    return costs_(problem_, candidate);
  }
  [[nodiscard]] std::vector<Evaluation> evaluate(std::span<const Candidate> batch,
                                                 const Bar& bar) const {
    return evaluate_(problem_, batch, bar);
  }

 private:
  template <class P>
  static const P& as(const void* problem) {
    return *static_cast<const P*>(problem);
  }

  const void* problem_;
  const SearchSpace& (*space_)(const void*);
  std::size_t (*objectives_)(const void*);
  Costs (*costs_)(const void*, const Candidate&);
  std::vector<Evaluation> (*evaluate_)(const void*, std::span<const Candidate>, const Bar&);
};

}  // namespace nj
