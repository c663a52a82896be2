#pragma once

#include <cstdint>

#include <doctest/doctest.h>
#include <hwy/targets.h>

namespace nj::test {

/// Calls `check` once per instruction set that this machine has.
template <class Check>
void for_each_target(Check&& check) {
  for (const std::int64_t target : hwy::SupportedAndGeneratedTargets()) {
    hwy::SetSupportedTargetsForTest(target);
    hwy::GetChosenTarget().Update(target);
    CAPTURE(hwy::TargetName(target));
    check();
  }
  hwy::SetSupportedTargetsForTest(0);
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
}

}  // namespace nj::test
