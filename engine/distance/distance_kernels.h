// SPDX-License-Identifier: Apache-2.0
//
// The distance kernels: dot product and squared Euclidean distance of an f32 query and an f32 or
// f16 row, at three levels of instructions. docs/decisions/0012 says why they agree bit for bit.
//
// Invariants (N13):
//  1. Element i goes to lane i % 64 by one fused multiply-add, in ascending order of i; lanes that
//     an incomplete last block does not fill stay as they are.
//  2. Lanes are added by one fixed tree: ((l, l+16), (l+32, l+48)), then 8, 4, 2, 1 apart.
//  3. So the result has the same bits at every level. A NaN comes out as the one quiet NaN.
//  4. Rows may lie at any address; nothing beyond `dimension` elements is read.
//
// Thread-safety: pure functions; the level is chosen once, by CPU.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace perigee::engine {

enum class KernelLevel : uint8_t { kScalar = 0, kAvx2 = 1, kAvx512 = 2 };

/// "scalar", "avx2" (with FMA and F16C) or "avx512".
std::string_view KernelLevelName(KernelLevel level);

/// `query` and `row` have `dimension` elements; those of `row` are of the kernel's type.
using DistanceKernel = float (*)(const float* query, const void* row, size_t dimension);

struct DistanceKernels {
  KernelLevel level;
  DistanceKernel dot_f32;
  DistanceKernel dot_f16;
  DistanceKernel l2_squared_f32;
  DistanceKernel l2_squared_f16;
};

/// The kernels of a level, or nullptr when this CPU cannot run them.
const DistanceKernels* KernelsOfLevel(KernelLevel level);
/// The best kernels of this CPU, or those that OverrideKernelLevel chose.
const DistanceKernels& ActiveKernels();
/// For tests and benchmarks: makes ActiveKernels return another level for objects made from now on;
/// nullopt undoes it. Requires: the CPU can run it.
void OverrideKernelLevel(std::optional<KernelLevel> level);

/// The Euclidean norm in f64, added up in ascending order: what is stored beside a vector.
double VectorNorm(const float* values, size_t dimension);

}  // namespace perigee::engine
