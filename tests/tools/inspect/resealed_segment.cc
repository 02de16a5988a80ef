// SPDX-License-Identifier: Apache-2.0
#include "tests/tools/inspect/resealed_segment.h"

#include <doctest/doctest.h>

#include <string_view>

#include "tools/inspect/byte_view.h"
#include "tools/inspect/checksum.h"

namespace perigee::tests {
namespace {

namespace inspect = tools::inspect;

constexpr uint64_t kBlock = 4096;
constexpr uint64_t kEntryBytes = 64;

void PutHash(std::string& bytes, uint64_t offset, const inspect::Hash& hash) {
  bytes.replace(offset, hash.size(), reinterpret_cast<const char*>(hash.data()), hash.size());
}

}  // namespace

void PutLittle(std::string& bytes, uint64_t offset, uint64_t value, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    bytes[offset + i] = static_cast<char>(value >> (8 * i) & 0xffU);
  }
}

std::string Reseal(const std::string& segment, inspect::SectionKind kind, uint16_t ordinal,
                   const std::function<void(std::string&)>& change) {
  std::string bytes = segment;
  const uint64_t footer = bytes.size() - kBlock;
  uint64_t table = inspect::U64At(bytes, footer + 24);
  const uint64_t directory = inspect::U64At(bytes, footer + 32);
  const uint32_t count = inspect::U32At(bytes, footer + 40);
  bool found = false;
  for (uint32_t i = 0; i < count; ++i) {
    const uint64_t entry = directory + i * kEntryBytes;
    const uint64_t offset = inspect::U64At(bytes, entry + 8);
    const uint64_t length = inspect::U64At(bytes, entry + 16);
    const uint32_t page = inspect::U32At(bytes, entry + 36);
    const uint64_t pages = (length + page - 1) / page;
    if (inspect::U16At(bytes, entry) == static_cast<uint16_t>(kind) &&
        inspect::U16At(bytes, entry + 2) == ordinal) {
      found = true;
      std::string content = bytes.substr(offset, length);
      change(content);
      REQUIRE(content.size() == length);
      bytes.replace(offset, length, content);
      for (uint64_t n = 0; n < pages; ++n) {
        const std::string_view part = std::string_view(content).substr(n * page, page);
        PutLittle(bytes, table + 4 * n, inspect::MaskedCrc32c(part), 4);
      }
      PutHash(bytes, entry + 48,
              inspect::HashOf({std::string_view(bytes).substr(table, 4 * pages)}));
    }
    table += 4 * pages;
  }
  REQUIRE(found);
  const std::string_view view = bytes;
  PutHash(bytes, footer + 64,
          inspect::HashOf({view.substr(0, kBlock), view.substr(directory, footer - directory),
                           view.substr(footer, 64)}));
  PutLittle(bytes, footer + kBlock - 4,
            inspect::MaskedCrc32c(std::string_view(bytes).substr(footer, kBlock - 4)), 4);
  return bytes;
}

}  // namespace perigee::tests
