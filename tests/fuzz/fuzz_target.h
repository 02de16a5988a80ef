// SPDX-License-Identifier: Apache-2.0
//
// What every <name>_fuzz.cc defines: the target, and a mutator that knows the layout and repairs
// the checksums, without which every mutation would end at the first CRC. libfuzzer_entry.cc hands
// them to libFuzzer; in builds without it replay_test.cc calls them on the corpus.
//
// Invariants: a target keeps nothing between two inputs and reports a finding by a PERIGEE_CHECK.
// The same input and mutator give the same mutation, but for what MutatePlainBytes does.
// Thread-safety: one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "tests/fuzz/byte_mutator.h"

namespace perigee::tests {

/// Aborts when the code under test breaks a promise on this input.
void RunInput(std::string_view input);
/// Another input, of about at most `size_max` bytes.
std::string MutateInput(std::string_view input, size_t size_max, ByteMutator& mutator);

/// A mutation of bytes without structure, in place; returns the new size, at most `size_max`.
/// libFuzzer's own in a fuzz build, a simple one in the others.
size_t MutatePlainBytes(uint8_t* data, size_t size, size_t size_max);

}  // namespace perigee::tests
