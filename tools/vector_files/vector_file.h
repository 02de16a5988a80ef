// SPDX-License-Identifier: Apache-2.0
//
// VectorFile: rows of floats from the files that other tools write: NumPy's .npy (format versions 1
// to 3; element types f2 f4 f8 i1 u1; one or two dimensions; C order) and .fvecs (each row is a u32
// dimension and that many f32).
//
// Invariants:
//  1. Files are hostile: header size, shape product and row length are checked against the size of
//  the
//     file before anything is allocated. Object arrays and Fortran order are refused.
//  2. Values come back as f32: f2 and the integers exactly, f8 rounded to nearest (out of range is
//  an error).
// Thread-safety: one thread at a time.
#pragma once

#include <cstdint>
#include <cstdio>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace perigee::tools {

class VectorFile {
 public:
  /// By ending: .npy or .fvecs. kNotFound, kInvalidArgument naming the file, what is wrong with it
  /// and what is accepted.
  static absl::StatusOr<std::unique_ptr<VectorFile>> Open(const std::string& path);
  ~VectorFile();
  VectorFile(const VectorFile&) = delete;
  VectorFile& operator=(const VectorFile&) = delete;

  uint64_t rows() const { return rows_; }
  uint32_t dimension() const { return dimension_; }
  /// "f16", "f32", "f64", "i8" or "u8".
  const char* element_name() const;
  const std::string& path() const { return path_; }

  /// Fills `row` with row number `index`. Requires: index < rows(), row.size() == dimension().
  absl::Status Read(uint64_t index, std::span<float> row);

 private:
  enum class Element : uint8_t { kF16, kF32, kF64, kI8, kU8 };
  struct FileCloser {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };

  VectorFile() = default;
  absl::Status OpenNpy();
  absl::Status OpenFvecs();
  absl::Status ParseNpyHeader(const std::string& header);
  absl::Status Bad(const std::string& what) const;

  std::string path_;
  std::unique_ptr<std::FILE, FileCloser> file_;
  uint64_t file_bytes_ = 0;
  uint64_t data_offset_ = 0;  // of the first value of row 0
  uint64_t row_stride_ = 0;   // bytes from row to row
  uint64_t rows_ = 0;
  uint32_t dimension_ = 0;
  Element element_ = Element::kF32;
  uint64_t next_row_ = 0;  // the row at the file position, to avoid seeks
  std::vector<unsigned char> row_bytes_;
};

/// f16 (IEEE 754 binary16) to f32, exact.
float Float16ToFloat(uint16_t bits);

}  // namespace perigee::tools
