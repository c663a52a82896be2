#include "neurojoule/core/rng.hpp"

namespace nj {
namespace {

std::array<std::uint32_t, 4> words_of(const RandomKey& key, std::uint32_t step) {
  return philox4x32(
      {static_cast<std::uint32_t>(key.entity), static_cast<std::uint32_t>(key.entity >> 32), step,
       key.stream},
      {static_cast<std::uint32_t>(key.seed), static_cast<std::uint32_t>(key.seed >> 32)});
}

std::uint64_t first_64(const std::array<std::uint32_t, 4>& words) {
  return words[0] | (std::uint64_t{words[1]} << 32);
}

}  // namespace

std::array<std::uint32_t, 4> philox4x32(std::array<std::uint32_t, 4> counter,
                                        std::array<std::uint32_t, 2> key) {
  constexpr std::uint64_t multiplier_0 = 0xD2511F53U;
  constexpr std::uint64_t multiplier_1 = 0xCD9E8D57U;
  constexpr std::uint32_t weyl_0 = 0x9E3779B9U;
  constexpr std::uint32_t weyl_1 = 0xBB67AE85U;
  constexpr int rounds = 10;
  for (int round = 0; round < rounds; ++round) {
    const std::uint64_t product_0 = multiplier_0 * counter[0];
    const std::uint64_t product_1 = multiplier_1 * counter[2];
    counter = {static_cast<std::uint32_t>(product_1 >> 32) ^ counter[1] ^ key[0],
               static_cast<std::uint32_t>(product_1),
               static_cast<std::uint32_t>(product_0 >> 32) ^ counter[3] ^ key[1],
               static_cast<std::uint32_t>(product_0)};
    key[0] += weyl_0;
    key[1] += weyl_1;
  }
  return counter;
}

std::uint64_t random_u64(const RandomKey& key, std::uint32_t step) {
  return first_64(words_of(key, step));
}

std::uint64_t random_below(const RandomKey& key, std::uint32_t step, std::uint64_t bound) {
  __extension__ using Wide = unsigned __int128;
  return static_cast<std::uint64_t>((Wide{random_u64(key, step)} * bound) >> 64);
}

std::int64_t random_normal(const RandomKey& key, std::uint32_t step, std::int64_t sigma) {
  // Twelve uniforms of variance 1/12 have variance 1. Two Philox blocks hold sixteen 16-bit words;
  // a second stream half (top bit of the step's stream word) keeps them apart from random_u64.
  RandomKey second = key;
  second.stream ^= 0x80000000U;
  const auto a = words_of(key, step);
  const auto b = words_of(second, step);
  std::int64_t sum = -6 * 65536;
  for (const std::uint32_t word : {a[0], a[1], a[2], a[3], b[0], b[1]}) {
    sum += (word & 0xFFFFU) + (word >> 16);
  }
  return sum * sigma / 65536;
}

}  // namespace nj
