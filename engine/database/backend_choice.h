// SPDX-License-Identifier: Apache-2.0
//
// BackendChoiceOf: the I/O backend that a caller of the library asks for, in the words of storage.
//
// Invariants: every value has one counterpart.
// Thread-safety: a pure function.
#pragma once

#include "perigee/options.h"
#include "storage/io/file_system_selection.h"

namespace perigee::engine {

constexpr storage::BackendChoice BackendChoiceOf(IoBackend backend) {
  switch (backend) {
    case IoBackend::kPosix:
      return storage::BackendChoice::kPosix;
    case IoBackend::kUring:
      return storage::BackendChoice::kIoUring;
    case IoBackend::kAuto:
      break;
  }
  return storage::BackendChoice::kAuto;
}

}  // namespace perigee::engine
