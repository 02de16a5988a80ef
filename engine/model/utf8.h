// SPDX-License-Identifier: Apache-2.0
//
// Well-formed UTF-8 (RFC 3629) of strings that users, files and the network give us: no overlong
// forms, no surrogates, nothing above U+10FFFF.
//
// Invariants: positions are byte offsets from the start of the text.
// Thread-safety: functions without state.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace perigee {

/// The offset of the first byte that is not part of well-formed UTF-8; text.size() if all is well.
size_t FindInvalidUtf8(std::string_view text);
inline bool IsValidUtf8(std::string_view text) { return FindInvalidUtf8(text) == text.size(); }
/// Number of characters (code points) of valid UTF-8.
size_t CountCharacters(std::string_view text);
/// `text` for a message: quoted, control bytes and invalid UTF-8 as \xNN, cut after `bytes_max`.
std::string QuoteForMessage(std::string_view text, size_t bytes_max = 64);

}  // namespace perigee
