// SPDX-License-Identifier: Apache-2.0
//
// Worked examples of the format pages: a fenced block that begins "```hex NAME", with lines of an
// offset, a colon and up to 16 bytes; bytes between the lines, and from the last line to the line
// "N: end", are zero. So a page shows exactly what a test decodes.
//
// Invariants: DecodeHexExample(EncodeHexExample(b)) is b.
// Thread-safety: functions without state.
#pragma once

#include <string>
#include <string_view>

namespace perigee::tests {

/// The text of a file of the source tree; empty when it is missing.
std::string ReadSourceFile(const std::string& path);
/// The lines of the example NAME in a page; empty when there is none.
std::string HexExample(std::string_view page, std::string_view name);
/// The bytes of the example NAME in a page.
std::string DecodeHexExample(std::string_view page, std::string_view name);
/// The lines for `bytes`; lines of zeros are left out.
std::string EncodeHexExample(std::string_view bytes);

}  // namespace perigee::tests
