// SPDX-License-Identifier: Apache-2.0
#include "engine/collection/scroll_cursor.h"

#include <algorithm>
#include <cstdint>
#include <span>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "perigee/model/limits.h"
#include "perigee/model/point_id.h"
#include "storage/encoding/byte_codec.h"
#include "storage/encoding/crc32c.h"
#include "storage/encoding/sha256.h"
#include "storage/foundation/string_view_bridge.h"

namespace perigee::engine {
namespace {

constexpr uint8_t kCursorVersion = 1;
/// An encoded id is at most one byte longer than a string id.
constexpr size_t kEncodedIdBytesMax = limits::kPointIdBytesMax + 1;
constexpr size_t kCursorFixedBytes = 1 + storage::Uuid::kBytes + 16 + 4;
/// Base64 makes four characters of three bytes.
constexpr size_t kCursorTextMax = (kCursorFixedBytes + kEncodedIdBytesMax) * 4 / 3 + 4;

absl::Status NotACursor(std::string_view why) {
  return absl::InvalidArgumentError(
      absl::StrCat("cursor: ", Absl(why),
                   "; pass next_cursor of the page before unchanged, or none for the first page"));
}

}  // namespace

ScrollScope MakeScrollScope(const storage::Uuid& collection, const std::optional<Filter>& filter) {
  ScrollScope scope{.collection = collection};
  if (filter.has_value()) {
    scope.filter_hash = storage::Sha256Half(storage::AsBytes(ToJson(*filter)));
  }
  return scope;
}

std::string EncodeScrollCursor(const ScrollScope& scope, std::string_view last_encoded_id) {
  storage::ByteWriter writer;
  writer.U8(kCursorVersion);
  writer.Bytes(scope.collection.bytes());
  writer.Bytes(scope.filter_hash);
  writer.Bytes(last_encoded_id);
  writer.U32(storage::Crc32c(writer.bytes()));
  std::string text;
  absl::WebSafeBase64Escape(writer.buffer(), &text);
  return text;
}

absl::StatusOr<std::string> DecodeScrollCursor(std::string_view cursor, const ScrollScope& scope) {
  if (cursor.size() > kCursorTextMax) {
    return NotACursor(absl::StrCat("has ", cursor.size(), " bytes, more than any cursor"));
  }
  std::string bytes;
  if (!absl::WebSafeBase64Unescape(Absl(cursor), &bytes) || bytes.size() <= kCursorFixedBytes) {
    return NotACursor("is not one that this database made");
  }
  // Several texts decode to the same bytes; only the one that was handed out is a cursor.
  std::string again;
  absl::WebSafeBase64Escape(bytes, &again);
  const std::span<const std::byte> all = storage::AsBytes(bytes);
  storage::ByteReader tail(all.last(4));
  if (again != cursor || tail.U32() != storage::Crc32c(all.first(all.size() - 4))) {
    return NotACursor("is not one that this database made");
  }
  storage::ByteReader reader(all.first(all.size() - 4));
  if (reader.U8() != kCursorVersion) {
    return NotACursor("was made by another version");
  }
  ScrollScope found;
  found.collection = storage::Uuid::FromBytes(reader.Bytes(storage::Uuid::kBytes));
  const std::span<const std::byte> hash = reader.Bytes(found.filter_hash.size());
  std::copy(hash.begin(), hash.end(), found.filter_hash.begin());
  if (found.collection != scope.collection) {
    return NotACursor("belongs to another collection");
  }
  if (found.filter_hash != scope.filter_hash) {
    return NotACursor("belongs to a scroll with another filter");
  }
  std::string last(reader.Text(reader.remaining()));
  if (!ValidateEncodedPointId(last).ok()) {
    return NotACursor("holds no valid id");
  }
  return last;
}

}  // namespace perigee::engine
