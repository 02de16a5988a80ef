// SPDX-License-Identifier: Apache-2.0
//
// Changes what a section of a segment holds and computes every checksum above it anew, so that a
// test reaches the rules behind the checksums.
//
// Invariants: a change keeps the section's length; with no change the bytes stay the same.
// Thread-safety: a function without state.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "tools/inspect/segment_decoder.h"

namespace perigee::tests {

/// `segment` with `change` made to the section; REQUIREs that there is one.
std::string Reseal(const std::string& segment, tools::inspect::SectionKind kind, uint16_t ordinal,
                   const std::function<void(std::string&)>& change);

/// `bytes` as `count` little-endian bytes at `offset`.
void PutLittle(std::string& bytes, uint64_t offset, uint64_t value, size_t count);

}  // namespace perigee::tests
