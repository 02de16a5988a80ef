// SPDX-License-Identifier: Apache-2.0
//
// Version of the library, the build and the on-disk formats, for --version and status.
//
// Invariants: kFormatVersionMin <= kFormatVersionMax; both are what this build reads.
// Thread-safety: constants and pure functions.
#pragma once

#include <cstdint>
#include <string>

namespace perigee {

inline constexpr uint32_t kFormatVersionMin = 1;
inline constexpr uint32_t kFormatVersionMax = 1;

/// "0.1.0"
const char* Version();
/// One line: version, build type, compiler, instruction set in use, format range.
std::string VersionLine(const char* program);

}  // namespace perigee
