// SPDX-License-Identifier: Apache-2.0
#include "tests/durability/allocation_failure.h"

#include <cstddef>
#include <cstdlib>
#include <new>
#include <string>  // libstdc++ declares __throw_bad_alloc with it

namespace perigee::tests {
namespace {

struct Counter {
  bool counting = false;
  int spared = 0;
  uint64_t count = 0;
  uint64_t failing = 0;
  uint64_t length = 0;
};

thread_local Counter counter;

bool Fails() {
  if (!counter.counting || counter.spared > 0) {
    return false;
  }
  ++counter.count;
  return counter.failing != 0 && counter.count >= counter.failing &&
         counter.count - counter.failing < counter.length;
}

void* Allocate(size_t size, size_t alignment) {
  if (Fails()) {
    return nullptr;
  }
  const size_t whole = (size + alignment - 1) / alignment * alignment;
  return std::aligned_alloc(alignment, whole == 0 ? alignment : whole);
}

void* AllocateOrRaise(size_t size, size_t alignment) {
  void* memory = Allocate(size, alignment);
  if (memory == nullptr) {
    std::__throw_bad_alloc();
  }
  return memory;
}

}  // namespace

AllocationFailure::AllocationFailure(uint64_t number, uint64_t length) {
  counter = {.counting = true, .failing = number, .length = length};
}
AllocationFailure::~AllocationFailure() { counter = {}; }
uint64_t AllocationFailure::count() const { return counter.count; }

SparedAllocations::SparedAllocations() { ++counter.spared; }
SparedAllocations::~SparedAllocations() { --counter.spared; }

}  // namespace perigee::tests

void* operator new(size_t size) {
  return perigee::tests::AllocateOrRaise(size, alignof(std::max_align_t));
}
void* operator new[](size_t size) { return operator new(size); }
void* operator new(size_t size, std::align_val_t alignment) {
  return perigee::tests::AllocateOrRaise(size, static_cast<size_t>(alignment));
}
void* operator new[](size_t size, std::align_val_t alignment) {
  return operator new(size, alignment);
}
void* operator new(size_t size, const std::nothrow_t&) noexcept {
  return perigee::tests::Allocate(size, alignof(std::max_align_t));
}
void* operator new[](size_t size, const std::nothrow_t& tag) noexcept {
  return operator new(size, tag);
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, size_t, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, size_t, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { std::free(memory); }
void operator delete[](void* memory, const std::nothrow_t&) noexcept { std::free(memory); }
