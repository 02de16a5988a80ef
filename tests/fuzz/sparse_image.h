// SPDX-License-Identifier: Apache-2.0
//
// A file image as an input: most of a log, a manifest or a segment is zeros up to the next block,
// so runs of zeros are written as their length. An input of a few hundred bytes is a file of a few
// blocks.
//
// Invariants: ExpandImage(PackImage(i)) is i for every image up to kImageBytesMax; what ExpandImage
// gives is never longer, whatever the input.
// Thread-safety: pure functions.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace perigee::tests {

inline constexpr size_t kImageBytesMax = size_t{160} << 10U;

/// Pairs of (zeros u24, literals u16, the literals); a pair cut short ends the image.
std::string ExpandImage(std::string_view input);
std::string PackImage(std::string_view image);

}  // namespace perigee::tests
