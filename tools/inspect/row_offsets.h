// SPDX-License-Identifier: Apache-2.0
//
// RowBytes: the rows of an ids or payload section: offsets, then bytes.
//
// Invariants: a value is made only from offsets that begin at 0, never fall and end with the
// section, so every row is inside.
// Thread-safety: a value type that refers to the section's bytes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "tools/inspect/byte_view.h"

namespace perigee::tools::inspect {

class RowBytes {
 public:
  /// Nothing, and `fault` says why, when the offsets are not valid for `rows` rows.
  static std::optional<RowBytes> Decode(std::string_view section, uint64_t rows,
                                        std::string& fault) {
    constexpr uint64_t kOffset = 8;
    if (section.size() / kOffset < rows + 1) {
      fault = absl::StrCat(section.size(), " bytes are too few for ", rows + 1, " offsets");
      return std::nullopt;
    }
    RowBytes result;
    result.offsets_ = section.substr(0, (rows + 1) * kOffset);
    result.bytes_ = section.substr((rows + 1) * kOffset);
    uint64_t before = 0;
    for (uint64_t row = 0; row <= rows; ++row) {
      const uint64_t offset = U64At(result.offsets_, row * kOffset);
      if (offset < before || offset > result.bytes_.size() || (row == 0 && offset != 0)) {
        fault = absl::StrCat("offset ", offset, " of row ", row, " behind ", before, ", with ",
                             result.bytes_.size(), " bytes of rows");
        return std::nullopt;
      }
      before = offset;
    }
    if (before != result.bytes_.size()) {
      fault = absl::StrCat("rows end at ", before, " of ", result.bytes_.size(), " bytes");
      return std::nullopt;
    }
    return result;
  }

  std::string_view At(uint64_t row) const {
    const uint64_t begin = U64At(offsets_, row * 8);
    return bytes_.substr(begin, U64At(offsets_, row * 8 + 8) - begin);
  }

 private:
  std::string_view offsets_;
  std::string_view bytes_;
};

}  // namespace perigee::tools::inspect
