// SPDX-License-Identifier: Apache-2.0
//
// What a finding means for whoever reads it: which promise of docs/guarantees.md it touches, and
// what to do. One row for each code, so that a program can rely on the code and a person on the
// words.
//
// Invariants: every code that the decoders use has a row; a test compares.
// Thread-safety: functions without state.
#pragma once

#include <string_view>
#include <vector>

namespace perigee::tools::inspect {

struct FindingMeaning {
  std::string_view code = {};
  std::string_view meaning = {};
  std::string_view remedy = {};
};

/// The row of `code`; a general one for an unknown code.
const FindingMeaning& MeaningOf(std::string_view code);
/// All rows, sorted by code.
const std::vector<FindingMeaning>& AllMeanings();

}  // namespace perigee::tools::inspect
