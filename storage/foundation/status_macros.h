// SPDX-License-Identifier: Apache-2.0
//
// Early return on absl::Status and absl::StatusOr. The Abseil of Debian 12 has no such macros.
//
//   PERIGEE_RETURN_IF_ERROR(file->Sync());
//   PERIGEE_ASSIGN_OR_RETURN(const uint64_t size, file->Size());
//
// Invariants: each macro evaluates its expression exactly once; the error is returned unchanged.
// Thread-safety: macros without state.
#pragma once

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#define PERIGEE_RETURN_IF_ERROR(expression)                                   \
  do {                                                                        \
    if (absl::Status perigee_status_ = (expression); !perigee_status_.ok()) { \
      return perigee_status_;                                                 \
    }                                                                         \
  } while (false)

#define PERIGEE_CONCATENATE_INNER_(a, b) a##b
#define PERIGEE_CONCATENATE_(a, b) PERIGEE_CONCATENATE_INNER_(a, b)

// A declaration cannot stand in parentheses.
// NOLINTBEGIN(bugprone-macro-parentheses)
#define PERIGEE_ASSIGN_OR_RETURN(declaration, expression)                                         \
  PERIGEE_ASSIGN_OR_RETURN_INNER_(PERIGEE_CONCATENATE_(perigee_statusor_, __LINE__), declaration, \
                                  expression)

#define PERIGEE_ASSIGN_OR_RETURN_INNER_(temporary, declaration, expression) \
  auto temporary = (expression);                                            \
  if (!temporary.ok()) {                                                    \
    return std::move(temporary).status();                                   \
  }                                                                         \
  declaration = std::move(temporary).value()
// NOLINTEND(bugprone-macro-parentheses)
