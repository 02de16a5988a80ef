// SPDX-License-Identifier: Apache-2.0
//
// Which of the known names a wrong one probably meant, for error messages.
//
// Invariants: a hint is given only when at most a third of the letters differ.
// Thread-safety: functions without state.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace perigee {

/// The nearest of `names` by edit distance (case ignored), or empty when none is near.
std::string_view NearestName(std::string_view name, std::span<const std::string_view> names);
/// "; did you mean 'value'?", or empty.
std::string DidYouMean(std::string_view name, std::span<const std::string_view> names);
/// "a, b, c"; the unnamed vector's "" stands as '' so that it can be seen.
std::string JoinNames(std::span<const std::string_view> names);

}  // namespace perigee
