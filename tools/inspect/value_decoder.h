// SPDX-License-Identifier: Apache-2.0
//
// Decodes what points are made of, after docs/formats/point_id_format.md and payload_format.md:
// encoded ids and encoded payloads.
//
// Invariants: a fault is returned exactly if the bytes are not a valid encoding; nesting is bounded
// before it is followed, so hostile bytes cost no more stack than the 32 levels of the page.
// Thread-safety: functions without state.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace perigee::tools::inspect {

/// What is wrong with an encoded id; nothing when it is valid.
std::optional<std::string> PointIdFault(std::string_view bytes);
/// "7" or "'doc-1'", control characters escaped. Requires: valid.
std::string PointIdText(std::string_view bytes);

/// What is wrong with an encoded payload; nothing when it is valid.
std::optional<std::string> PayloadFault(std::string_view bytes);
/// As JSON, in stored order; empty for an empty payload. Requires: valid.
std::string PayloadText(std::string_view bytes);

/// Whether `text` is well-formed UTF-8: no overlong forms, no surrogates, nothing above U+10FFFF.
bool IsUtf8(std::string_view text);

}  // namespace perigee::tools::inspect
