#include "lineage.hpp"

#include <algorithm>
#include <utility>

namespace nj {
namespace {

/// The place of a value in a list that it is added to; 0 for none.
template <class Value>
std::size_t place_of(std::vector<Value>& list, const Value* value) {
  if (value == nullptr) return 0;
  const auto found = std::find(list.begin(), list.end(), *value);
  const auto place = static_cast<std::size_t>(found - list.begin());
  if (found == list.end()) list.push_back(*value);
  return place + 1;
}

}  // namespace

std::uint32_t Lineages::number(std::size_t population, const WeightRule* rule,
                               const QuantizedNetwork::Words* words,
                               std::vector<std::uint32_t> read) {
  Key key{population, place_of(rules_, rule), place_of(words_, words), std::move(read)};
  const auto next = static_cast<std::uint32_t>(numbers_.size());
  return numbers_.emplace(std::move(key), next).first->second;
}

std::size_t QuantizedPopulation::bytes() const {
  std::size_t sum = 0;
  for (const PopulationOutputs& output : outputs) sum += output.bytes();
  // Weights as float32, as integers, and laid out for the kernels twice.
  if (weights) sum += weights->weight.size() * 4 * sizeof(float);
  return sum;
}

std::optional<QuantizedPopulation> KeptPopulations::take(std::uint32_t number) {
  const auto place = places_.find(number);
  if (place == places_.end()) return std::nullopt;
  QuantizedPopulation population = std::move(place->second->population);
  drop(place->second);
  return population;
}

void KeptPopulations::put(std::uint32_t number, QuantizedPopulation population) {
  const std::size_t bytes = population.bytes();
  while (!kept_.empty() && bytes_ + bytes > most_bytes_) drop(kept_.begin());
  if (bytes > most_bytes_) return;
  bytes_ += bytes;
  kept_.push_back({number, bytes, std::move(population)});
  places_[number] = std::prev(kept_.end());
}

void KeptPopulations::drop(std::list<Kept>::iterator kept) {
  bytes_ -= kept->bytes;
  places_.erase(kept->number);
  kept_.erase(kept);
}

}  // namespace nj
