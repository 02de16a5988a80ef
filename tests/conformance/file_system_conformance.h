// SPDX-License-Identifier: Apache-2.0
//
// One suite for every FileSystem: what file_system.h promises, case by case. Each backend's test
// runs all cases, each on a disk of its own.
//
//   TEST_CASE("posix keeps the file system's promises") {
//     for (const FileSystemCase& test : FileSystemCases()) {
//       SUBCASE(test.name) { ...; test.run(file_system, directory); }
//     }
//   }
//
// Invariants: a case uses nothing but the interface, and names inside the given directory.
// Thread-safety: functions without state.
#pragma once

#include <span>
#include <string>

#include "storage/io/file_system.h"

namespace perigee::storage {

struct FileSystemCase {
  const char* name;
  /// `directory` exists and is empty.
  void (*run)(FileSystem& file_system, const std::string& directory);
};

std::span<const FileSystemCase> FileSystemCases();

}  // namespace perigee::storage
