// SPDX-License-Identifier: Apache-2.0
//
// Access: on whose behalf an engine call runs. Every call that reads or writes takes one through
// the handle it is made on (Database, Collection), so no read path can forget the check (S7).
//
// An Access can be made only by Access::Unrestricted(), which a host calls in so many words and
// which grep finds, and by the server's authenticator, which alone can construct the passkey.
//
// Invariants: an Access never changes; a copy grants exactly what the original grants.
// Thread-safety: immutable, may be shared between threads.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

namespace perigee {

namespace server {
class Authenticator;
}

/// Rights, combined as bits. Document-level policy joins them later as a separate argument.
enum class Right : uint32_t {
  kRead = 1U << 0U,         ///< query, get, scroll, count, describe, explain
  kReadVectors = 1U << 1U,  ///< raw vectors in results
  kWrite = 1U << 2U,        ///< upsert, delete
  kAdmin = 1U << 3U,        ///< create and drop collections, flush, optimize
  kStatus = 1U << 4U,       ///< status of the database
};

class Access {
 public:
  /// Proof that the caller may construct an Access; only the server's authenticator can make one.
  class Passkey {
   private:
    friend class server::Authenticator;
    friend class Access;
    Passkey() = default;
  };

  /// Every right. For a host process that is its own authority.
  static Access Unrestricted() { return Access(Passkey(), "local", 0xFFFFFFFFU); }

  /// `rights` is an OR of Right values.
  Access(Passkey /*passkey*/, std::string principal, uint32_t rights)
      : principal_(std::move(principal)), rights_(rights) {}

  bool Has(Right right) const { return (rights_ & static_cast<uint32_t>(right)) != 0; }
  uint32_t rights() const { return rights_; }
  const std::string& principal() const { return principal_; }

 private:
  std::string principal_;
  uint32_t rights_;
};

}  // namespace perigee
