// SPDX-License-Identifier: Apache-2.0
//
// The kernels of each instruction level, one .cc per level; only distance_kernels.cc, which checks
// the CPU, may use them.
//
// Invariants: each level keeps the lane layout and the tree of distance_kernels.h. Functions of a
// level carry its target attribute one by one, so that no inline function of a header is compiled
// with instructions that the program's other users of it may lack.
// Thread-safety: constants.
#pragma once

#include "engine/distance/distance_kernels.h"

#if defined(__x86_64__)
#define PERIGEE_X86_KERNELS 1
#else
#define PERIGEE_X86_KERNELS 0
#endif

namespace perigee::engine {

inline constexpr size_t kKernelLanes = 64;

extern const DistanceKernels kScalarKernels;
#if PERIGEE_X86_KERNELS
/// Needs AVX2, FMA and F16C.
extern const DistanceKernels kAvx2Kernels;
/// Needs AVX-512 F, BW and VL.
extern const DistanceKernels kAvx512Kernels;
#endif

}  // namespace perigee::engine
