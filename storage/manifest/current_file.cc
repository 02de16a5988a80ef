// SPDX-License-Identifier: Apache-2.0
#include "storage/manifest/current_file.h"

#include <optional>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "storage/encoding/byte_codec.h"
#include "storage/encoding/crc32c.h"
#include "storage/foundation/error_reason.h"
#include "storage/foundation/string_view_bridge.h"
#include "storage/layout/file_names.h"

namespace perigee::storage {

std::string EncodeCurrentFile(const CurrentFile& current) {
  std::string text =
      absl::StrCat("perigee current 1\n", ManifestName(current.manifest_number), "\n",
                   current.database_uuid.ToString(), " ", current.manifest_uuid.ToString(), "\n");
  absl::StrAppend(&text, absl::Hex(Crc32c(AsBytes(text)), absl::kZeroPad8), "\n");
  return text;
}

absl::StatusOr<CurrentFile> DecodeCurrentFile(std::string_view text) {
  const std::vector<std::string> lines = absl::StrSplit(Absl(text), '\n');
  CurrentFile current;
  bool parsed = lines.size() == 5;
  if (parsed) {
    const std::vector<std::string> uuids = absl::StrSplit(lines[2], ' ');
    const std::optional<FileName> name = ParseFileName(lines[1]);
    parsed = uuids.size() == 2 && name && name->kind == FileKind::kManifest;
    if (parsed) {
      const auto database = Uuid::Parse(uuids[0]);
      const auto manifest = Uuid::Parse(uuids[1]);
      parsed = database.ok() && manifest.ok();
      current = {name->number, database.value_or(Uuid()), manifest.value_or(Uuid())};
    }
  }
  // Writing it again and comparing checks the first line and the CRC as well.
  if (!parsed || EncodeCurrentFile(current) != text) {
    return ErrorWithReason(ErrorReason::kDamaged,
                           "CURRENT is damaged: it does not name a manifest");
  }
  return current;
}

}  // namespace perigee::storage
