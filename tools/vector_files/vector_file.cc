// SPDX-License-Identifier: Apache-2.0
#include "tools/vector_files/vector_file.h"

#include <sys/stat.h>

#include <bit>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <optional>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "perigee/model/limits.h"
#include "storage/foundation/check.h"
#include "storage/foundation/status_macros.h"

namespace perigee::tools {
namespace {

constexpr uint64_t kNpyHeaderBytesMax = 64U << 10U;

uint32_t LittleEndian32(const unsigned char* bytes) {
  return static_cast<uint32_t>(bytes[0]) | static_cast<uint32_t>(bytes[1]) << 8U |
         static_cast<uint32_t>(bytes[2]) << 16U | static_cast<uint32_t>(bytes[3]) << 24U;
}

bool EndsWith(const std::string& text, const std::string& suffix) {
  return text.size() >= suffix.size() &&
         text.compare(text.size() - suffix.size(), suffix.size(), suffix) == 0;
}

// The text after 'key': in the header's dictionary literal, up to the next comma outside
// parentheses.
std::optional<std::string> HeaderValue(const std::string& header, const std::string& key) {
  const std::string quoted = "'" + key + "'";
  size_t at = header.find(quoted);
  if (at == std::string::npos) {
    return std::nullopt;
  }
  at = header.find(':', at + quoted.size());
  if (at == std::string::npos) {
    return std::nullopt;
  }
  size_t end = at + 1;
  int depth = 0;
  while (end < header.size() && (depth > 0 || (header[end] != ',' && header[end] != '}'))) {
    depth += header[end] == '(' || header[end] == '[' ? 1 : 0;
    depth -= header[end] == ')' || header[end] == ']' ? 1 : 0;
    ++end;
  }
  std::string value = header.substr(at + 1, end - at - 1);
  const size_t first = value.find_first_not_of(' ');
  const size_t last = value.find_last_not_of(' ');
  return first == std::string::npos ? std::string() : value.substr(first, last - first + 1);
}

}  // namespace

float Float16ToFloat(uint16_t bits) {
  const uint32_t sign = static_cast<uint32_t>(bits & 0x8000U) << 16U;
  const uint32_t exponent = (bits >> 10U) & 0x1FU;
  const uint32_t fraction = bits & 0x3FFU;
  if (exponent == 0x1F) {
    return std::bit_cast<float>(sign | 0x7F800000U | (fraction << 13U));
  }
  if (exponent == 0) {
    const float magnitude = std::ldexp(static_cast<float>(fraction), -24);
    return std::bit_cast<float>(std::bit_cast<uint32_t>(magnitude) | sign);
  }
  return std::bit_cast<float>(sign | ((exponent + 112U) << 23U) | (fraction << 13U));
}

VectorFile::~VectorFile() = default;

absl::StatusOr<std::unique_ptr<VectorFile>> VectorFile::Open(const std::string& path) {
  std::unique_ptr<VectorFile> vectors(new VectorFile);
  vectors->path_ = path;
  if (!EndsWith(path, ".npy") && !EndsWith(path, ".fvecs")) {
    return vectors->Bad("the name must end in .npy or .fvecs");
  }
  vectors->file_.reset(std::fopen(path.c_str(), "rb"));
  if (vectors->file_ == nullptr) {
    const std::string message = absl::StrCat("cannot open '", path, "': ", std::strerror(errno));
    return errno == ENOENT ? absl::NotFoundError(message) : absl::PermissionDeniedError(message);
  }
  struct stat status = {};
  if (fstat(fileno(vectors->file_.get()), &status) != 0 || !S_ISREG(status.st_mode)) {
    return vectors->Bad("not a regular file");
  }
  vectors->file_bytes_ = static_cast<uint64_t>(status.st_size);
  PERIGEE_RETURN_IF_ERROR(EndsWith(path, ".npy") ? vectors->OpenNpy() : vectors->OpenFvecs());
  return vectors;
}

const char* VectorFile::element_name() const {
  switch (element_) {
    case Element::kF16:
      return "f16";
    case Element::kF32:
      return "f32";
    case Element::kF64:
      return "f64";
    case Element::kI8:
      return "i8";
    case Element::kU8:
      return "u8";
  }
  return "?";
}

absl::Status VectorFile::Bad(const std::string& what) const {
  return absl::InvalidArgumentError(absl::StrCat("'", path_, "': ", what));
}

absl::Status VectorFile::OpenNpy() {
  unsigned char preamble[12] = {};
  if (file_bytes_ < 10 || std::fread(preamble, 1, 10, file_.get()) != 10 ||
      std::memcmp(preamble, "\x93NUMPY", 6) != 0) {
    return Bad("not a .npy file: it does not begin with \\x93NUMPY");
  }
  const unsigned version = preamble[6];
  if (version < 1 || version > 3) {
    return Bad(absl::StrCat(".npy format version ", version, " is not known; versions 1 to 3 are"));
  }
  uint64_t header_bytes = static_cast<uint64_t>(preamble[8]) | static_cast<uint64_t>(preamble[9])
                                                                   << 8U;
  uint64_t header_offset = 10;
  if (version >= 2) {
    if (std::fread(preamble + 10, 1, 2, file_.get()) != 2) {
      return Bad("truncated in the .npy preamble");
    }
    header_bytes = LittleEndian32(preamble + 8);
    header_offset = 12;
  }
  if (header_bytes > kNpyHeaderBytesMax || header_offset + header_bytes > file_bytes_) {
    return Bad(absl::StrCat("truncated or damaged: the header claims ", header_bytes,
                            " bytes; the file has ", file_bytes_, ", and ", kNpyHeaderBytesMax,
                            " is the limit"));
  }
  std::string header(header_bytes, '\0');
  if (std::fread(header.data(), 1, header.size(), file_.get()) != header.size()) {
    return Bad("truncated in the .npy header");
  }
  data_offset_ = header_offset + header_bytes;
  return ParseNpyHeader(header);
}

absl::Status VectorFile::ParseNpyHeader(const std::string& header) {
  const std::optional<std::string> type = HeaderValue(header, "descr");
  const std::optional<std::string> fortran = HeaderValue(header, "fortran_order");
  const std::optional<std::string> shape = HeaderValue(header, "shape");
  if (!type.has_value() || !fortran.has_value() || !shape.has_value()) {
    return Bad("the .npy header lacks descr, fortran_order or shape");
  }
  uint64_t element_bytes = 0;
  if (*type == "'<f2'") {
    element_ = Element::kF16;
    element_bytes = 2;
  } else if (*type == "'<f4'") {
    element_ = Element::kF32;
    element_bytes = 4;
  } else if (*type == "'<f8'") {
    element_ = Element::kF64;
    element_bytes = 8;
  } else if (*type == "'|i1'" || *type == "'|u1'") {
    element_ = *type == "'|i1'" ? Element::kI8 : Element::kU8;
    element_bytes = 1;
  } else {
    return Bad(absl::StrCat("element type ", *type,
                            " is not accepted; f2, f4, f8, i1 and u1 (little-endian) are"));
  }
  if (*fortran != "False") {
    return Bad("column-major (Fortran) order is not accepted; save numpy.ascontiguousarray(x)");
  }
  if (shape->size() < 2 || shape->front() != '(' || shape->back() != ')') {
    return Bad(absl::StrCat("shape ", *shape, " is not a tuple"));
  }
  std::vector<uint64_t> sizes;
  std::string digits;
  for (const char c : *shape) {
    if (c >= '0' && c <= '9') {
      digits += c;
    } else if (!digits.empty()) {
      uint64_t size = 0;
      if (!absl::SimpleAtoi(digits, &size)) {
        return Bad(absl::StrCat("shape ", *shape, " is out of range"));
      }
      sizes.push_back(size);
      digits.clear();
    } else if (c != '(' && c != ')' && c != ',' && c != ' ') {
      return Bad(absl::StrCat("shape ", *shape, " is not a tuple of integers"));
    }
  }
  if (sizes.empty() || sizes.size() > 2) {
    return Bad(absl::StrCat("shape ", *shape,
                            ": one row (dimension) or rows (rows, dimension) are accepted"));
  }
  rows_ = sizes.size() == 1 ? 1 : sizes[0];
  const uint64_t columns = sizes.back();
  if (columns == 0 || columns > limits::kDimensionMax) {
    return Bad(
        absl::StrCat("dimension ", columns, " is not between 1 and ", limits::kDimensionMax));
  }
  dimension_ = static_cast<uint32_t>(columns);
  row_stride_ = columns * element_bytes;
  const uint64_t data_bytes = file_bytes_ - data_offset_;
  if (rows_ > data_bytes / row_stride_ || rows_ * row_stride_ != data_bytes) {
    return Bad(absl::StrCat("truncated or too long: shape ", *shape, " of ", element_name(),
                            " needs ", row_stride_, " bytes a row, the file has ", data_bytes,
                            " bytes of data"));
  }
  row_bytes_.resize(row_stride_);
  return absl::OkStatus();
}

absl::Status VectorFile::OpenFvecs() {
  unsigned char first[4] = {};
  if (file_bytes_ < 8 || std::fread(first, 1, 4, file_.get()) != 4) {
    return Bad("not an .fvecs file: shorter than one row");
  }
  dimension_ = LittleEndian32(first);
  if (dimension_ == 0 || dimension_ > limits::kDimensionMax) {
    return Bad(absl::StrCat("the first row claims dimension ", dimension_, "; 1 to ",
                            limits::kDimensionMax, " are accepted"));
  }
  element_ = Element::kF32;
  row_stride_ = 4 + uint64_t{dimension_} * 4;
  if (file_bytes_ % row_stride_ != 0) {
    return Bad(absl::StrCat("truncated: ", file_bytes_, " bytes are not a multiple of the row of ",
                            row_stride_, " bytes that dimension ", dimension_, " needs"));
  }
  rows_ = file_bytes_ / row_stride_;
  data_offset_ = 0;
  next_row_ = UINT64_MAX;  // the file position is inside row 0
  row_bytes_.resize(row_stride_);
  return absl::OkStatus();
}

absl::Status VectorFile::Read(uint64_t index, std::span<float> row) {
  PERIGEE_CHECK(index < rows_ && row.size() == dimension_, "row ", index, " of ", rows_);
  if (index != next_row_ &&
      fseeko(file_.get(), static_cast<off_t>(data_offset_ + index * row_stride_), SEEK_SET) != 0) {
    return Bad(absl::StrCat("cannot seek to row ", index, ": ", std::strerror(errno)));
  }
  if (std::fread(row_bytes_.data(), 1, row_bytes_.size(), file_.get()) != row_bytes_.size()) {
    next_row_ = UINT64_MAX;
    return Bad(
        absl::StrCat("cannot read row ", index, ": the file became shorter or the read failed"));
  }
  next_row_ = index + 1;
  const unsigned char* values = row_bytes_.data();
  if (EndsWith(path_, ".fvecs")) {
    if (LittleEndian32(values) != dimension_) {
      return Bad(absl::StrCat("row ", index, " claims dimension ", LittleEndian32(values),
                              "; the first row has ", dimension_));
    }
    values += 4;
  }
  for (uint32_t i = 0; i < dimension_; ++i) {
    switch (element_) {
      case Element::kF16:
        row[i] = Float16ToFloat(static_cast<uint16_t>(values[2 * i] | values[2 * i + 1] << 8U));
        break;
      case Element::kF32:
        row[i] = std::bit_cast<float>(LittleEndian32(values + size_t{4} * i));
        break;
      case Element::kF64: {
        double value = 0;
        std::memcpy(&value, values + size_t{8} * i, 8);
        row[i] = static_cast<float>(value);
        if (std::isinf(row[i]) && !std::isinf(value)) {
          return Bad(absl::StrCat("row ", index, " value ", i, " (", value,
                                  ") is out of the range of f32"));
        }
        break;
      }
      case Element::kI8:
        row[i] = static_cast<float>(static_cast<signed char>(values[i]));
        break;
      case Element::kU8:
        row[i] = static_cast<float>(values[i]);
        break;
    }
  }
  return absl::OkStatus();
}

}  // namespace perigee::tools
