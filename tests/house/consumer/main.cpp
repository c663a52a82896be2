#include <cstdio>

#include <neurojoule/core/error.hpp>
#include <neurojoule/core/spike_tensor.hpp>

int main() {
  return 0;
}
