// SPDX-License-Identifier: Apache-2.0
//
// The one conversion between std::string_view and absl::string_view. Debian's Abseil keeps the two
// apart (ABSL_OPTION_USE_STD_STRING_VIEW is 0), so absl::StrCat(Absl(view)) needs it.
//
// Invariants: both directions copy a pointer and a length, never bytes.
// Thread-safety: functions without state.
#pragma once

#include <string_view>

#include "absl/strings/string_view.h"

namespace perigee {

inline absl::string_view Absl(std::string_view view) { return {view.data(), view.size()}; }
inline std::string_view Std(absl::string_view view) { return {view.data(), view.size()}; }

}  // namespace perigee
