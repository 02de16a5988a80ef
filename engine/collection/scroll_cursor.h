// SPDX-License-Identifier: Apache-2.0
//
// ScrollCursor: where the next page of a scroll begins, as opaque text for the client: version,
// collection uuid, hash of the filter, the last id shown, and a CRC, in URL-safe base64.
//
// Invariants: a cursor belongs to one collection and one filter; anything else, and any text that
// was not made here, is refused with kInvalidArgument. Thread-safety: functions without state.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "perigee/model/filter.h"
#include "storage/encoding/uuid.h"

namespace perigee::engine {

/// What a cursor is bound to.
struct ScrollScope {
  storage::Uuid collection;
  std::array<std::byte, 16> filter_hash{};

  friend bool operator==(const ScrollScope&, const ScrollScope&) = default;
};

/// The scope of a scroll of `collection` under `filter`.
ScrollScope MakeScrollScope(const storage::Uuid& collection, const std::optional<Filter>& filter);

/// The cursor of the page after the one that ended with `last_encoded_id`.
std::string EncodeScrollCursor(const ScrollScope& scope, std::string_view last_encoded_id);

/// The encoded id after which the page begins. kInvalidArgument unless `cursor` was made for
/// `scope`.
absl::StatusOr<std::string> DecodeScrollCursor(std::string_view cursor, const ScrollScope& scope);

}  // namespace perigee::engine
