// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/byte_mutator.h"

#include <algorithm>

#include "tests/fuzz/fuzz_target.h"

namespace perigee::tests {

uint64_t ByteMutator::Integer(uint64_t value) {
  constexpr uint64_t kSpecial[] = {0,
                                   1,
                                   2,
                                   7,
                                   8,
                                   63,
                                   64,
                                   127,
                                   128,
                                   255,
                                   256,
                                   4095,
                                   4096,
                                   4097,
                                   65535,
                                   65536,
                                   uint64_t{1} << 20U,
                                   0x7FFF'FFFF,
                                   0x8000'0000,
                                   0xFFFF'FFFE,
                                   0xFFFF'FFFF,
                                   uint64_t{1} << 32U,
                                   (uint64_t{1} << 63U) - 1,
                                   uint64_t{1} << 63U,
                                   ~uint64_t{0} - 1,
                                   ~uint64_t{0}};
  switch (Below(6)) {
    case 0:
      return value + 1;
    case 1:
      return value - 1;
    case 2:
      return value ^ (uint64_t{1} << Below(64));
    case 3:
      return kSpecial[Below(std::size(kSpecial))];
    case 4:
      return Below(2) == 0 ? value * 2 : value / 2;
    default:
      return Below(2) == 0 ? Below(16) : (uint64_t{random_()} << 32U) | random_();
  }
}

void ByteMutator::Put(std::string& bytes, size_t offset, size_t width, uint64_t value) {
  for (size_t i = 0; i < width && offset + i < bytes.size(); ++i) {
    bytes[offset + i] = static_cast<char>(value >> (8 * i) & 0xFFU);
  }
}

uint64_t ByteMutator::Get(const std::string& bytes, size_t offset, size_t width) {
  uint64_t value = 0;
  for (size_t i = 0; i < width && offset + i < bytes.size(); ++i) {
    value |= uint64_t{static_cast<uint8_t>(bytes[offset + i])} << (8 * i);
  }
  return value;
}

void ByteMutator::Field(std::string& bytes, size_t offset, size_t width) {
  Put(bytes, offset, width, Integer(Get(bytes, offset, width)));
}

void ByteMutator::MutateRun(std::string& bytes, size_t size_max) {
  const size_t size = std::min(bytes.size(), size_max);
  bytes.resize(std::max(size_max, size_t{1}));
  bytes.resize(MutatePlainBytes(reinterpret_cast<uint8_t*>(bytes.data()), size, bytes.size()));
}

void ByteMutator::MutateInside(std::string& bytes, size_t offset, size_t length) {
  if (offset >= bytes.size()) {
    return;
  }
  length = std::min(length, bytes.size() - offset);
  std::string run = bytes.substr(offset, length);
  MutateRun(run, length);
  run.resize(length);
  bytes.replace(offset, length, run);
}

}  // namespace perigee::tests
