// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/sparse_image.h"

#include <algorithm>

#include "storage/encoding/byte_codec.h"

namespace perigee::tests {
namespace {

constexpr size_t kZerosMin = 16;  // shorter runs stay among the literals
constexpr size_t kLiteralsMax = 0xFFFF;

// The first run of zeros worth writing as one, at `from` or behind it.
size_t NextZeros(std::string_view image, size_t from) {
  size_t run = 0;
  for (size_t at = from; at < image.size(); ++at) {
    run = image[at] == '\0' ? run + 1 : 0;
    if (run == kZerosMin) {
      return at + 1 - run;
    }
  }
  return image.size();
}

}  // namespace

std::string ExpandImage(std::string_view input) {
  storage::ByteReader reader(input);
  std::string image;
  while (reader.remaining() >= 5 && image.size() < kImageBytesMax) {
    const size_t zeros = reader.U8() + (size_t{reader.U16()} << 8U);
    const size_t literals = reader.U16();
    image.append(std::min(zeros, kImageBytesMax - image.size()), '\0');
    const std::string_view text = reader.Text(std::min(literals, reader.remaining()));
    image.append(text.substr(0, kImageBytesMax - image.size()));
  }
  return image;
}

std::string PackImage(std::string_view image) {
  storage::ByteWriter writer;
  size_t at = 0;
  while (at < image.size()) {
    const size_t literal = std::min(image.find_first_not_of('\0', at), image.size());
    const size_t zeros = literal - at;
    writer.U8(static_cast<uint8_t>(zeros));
    writer.U16(static_cast<uint16_t>(zeros >> 8U));
    const size_t end = std::min(NextZeros(image, literal), literal + kLiteralsMax);
    writer.U16(static_cast<uint16_t>(end - literal));
    writer.Bytes(image.substr(literal, end - literal));
    at = end;
  }
  return writer.Take();
}

}  // namespace perigee::tests
