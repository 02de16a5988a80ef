// SPDX-License-Identifier: Apache-2.0
//
// CollectionHandle: one collection seen through one Access. Every public call of a Collection goes
// through Require, so that none can forget the rights check (S7).
//
// Invariants: the rights are checked before anything of the collection is read; a refusal carries
// the reason access_denied.
// Thread-safety: immutable, may be shared between threads.
#pragma once

#include <memory>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "perigee/access.h"

namespace perigee {

/// kPermissionDenied (access_denied) naming `call` and the right unless `access` has it.
absl::Status RequireRight(const Access& access, Right right, std::string_view call);

namespace engine {

class CollectionCore;

class CollectionHandle {
 public:
  CollectionHandle(std::shared_ptr<CollectionCore> core, Access access)
      : core_(std::move(core)), access_(std::move(access)) {}

  /// Ok when `access` has the right and the collection can be used: kPermissionDenied,
  /// kFailedPrecondition (closed, forked), kNotFound (dropped).
  absl::Status Require(Right right, std::string_view call) const;

  CollectionCore& core() const { return *core_; }
  const Access& access() const { return access_; }

 private:
  const std::shared_ptr<CollectionCore> core_;
  const Access access_;
};

}  // namespace engine
}  // namespace perigee
