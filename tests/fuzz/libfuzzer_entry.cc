// SPDX-License-Identifier: Apache-2.0
//
// The functions that libFuzzer looks for, for the target that is linked with this file.
#include <cstring>
#include <string>

#include "storage/foundation/log.h"
#include "tests/fuzz/fuzz_target.h"

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max_size);

namespace perigee::tests {

size_t MutatePlainBytes(uint8_t* data, size_t size, size_t size_max) {
  return LLVMFuzzerMutate(data, size, size_max);
}

}  // namespace perigee::tests

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  perigee::tests::RunInput({reinterpret_cast<const char*>(data), size});
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned int seed) {
  perigee::tests::ByteMutator mutator(seed);
  const std::string input =
      perigee::tests::MutateInput({reinterpret_cast<const char*>(data), size}, max_size, mutator);
  if (input.empty() || input.size() > max_size) {
    return size;  // grown too long: as it was
  }
  std::memcpy(data, input.data(), input.size());
  return input.size();
}
