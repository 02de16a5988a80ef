// SPDX-License-Identifier: Apache-2.0
#include "perigee/version.h"

#include "absl/strings/str_cat.h"
#include "engine/distance/distance_kernels.h"
#include "storage/foundation/string_view_bridge.h"

namespace perigee {
namespace {

// Given by engine/CMakeLists.txt for this file alone.
constexpr const char* kVersion = PERIGEE_VERSION;
constexpr const char* kBuildType = PERIGEE_BUILD_TYPE;
#if defined(__clang__)
constexpr const char* kCompiler = "clang " __clang_version__;
#else
constexpr const char* kCompiler = "g++ " __VERSION__;
#endif

}  // namespace

const char* Version() { return kVersion; }

std::string VersionLine(const char* program) {
  return absl::StrCat(program, " ", kVersion, " (", kBuildType, ", ", kCompiler, ", ",
                      Absl(engine::KernelLevelName(engine::ActiveKernels().level)), ", format ",
                      kFormatVersionMin, " to ", kFormatVersionMax, ")");
}

}  // namespace perigee
