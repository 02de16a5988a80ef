// SPDX-License-Identifier: Apache-2.0
//
// The worked examples of the format pages, for tests of the second decoder, which is written from
// these pages. Besides the examples that tests/storage/hex_example.h reads, two pages have plain
// lines of bytes followed by words.
//
// Invariants: nothing is copied from a page into a test.
// Thread-safety: functions without state.
#pragma once

#include <string>
#include <string_view>

namespace perigee::tests {

/// The example NAME ("hex NAME") of docs/formats/<page>.
std::string PageExample(const std::string& page, std::string_view name);
/// The bytes of the first fenced block that begins with `fence`; of each line those two-digit
/// numbers that stand in front of any word, behind an optional "offset:".
std::string PlainExample(const std::string& page, std::string_view fence);

}  // namespace perigee::tests
