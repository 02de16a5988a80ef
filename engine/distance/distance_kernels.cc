// SPDX-License-Identifier: Apache-2.0
#include "engine/distance/distance_kernels.h"

#include <atomic>
#include <cmath>

#include "engine/distance/distance_kernel_levels.h"
#include "storage/foundation/check.h"

#if PERIGEE_X86_KERNELS
#include <cpuid.h>
#endif

namespace perigee::engine {
namespace {

#if PERIGEE_X86_KERNELS
bool CpuHasF16c() {
  unsigned eax = 0;
  unsigned ebx = 0;
  unsigned ecx = 0;
  unsigned edx = 0;
  return __get_cpuid(1, &eax, &ebx, &ecx, &edx) != 0 && (ecx & (1U << 29U)) != 0;
}
#endif

// __builtin_cpu_supports also asks whether the operating system saves the registers.
bool CpuRuns(KernelLevel level) {
  switch (level) {
    case KernelLevel::kScalar:
      return true;
#if PERIGEE_X86_KERNELS
    case KernelLevel::kAvx2:
      return __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0 &&
             CpuHasF16c();
    case KernelLevel::kAvx512:
      return CpuRuns(KernelLevel::kAvx2) && __builtin_cpu_supports("avx512f") != 0 &&
             __builtin_cpu_supports("avx512bw") != 0 && __builtin_cpu_supports("avx512vl") != 0;
#else
    default:
      return false;
#endif
  }
  return false;
}

const DistanceKernels* Best() {
  for (const KernelLevel level : {KernelLevel::kAvx512, KernelLevel::kAvx2}) {
    if (const DistanceKernels* kernels = KernelsOfLevel(level); kernels != nullptr) {
      return kernels;
    }
  }
  return &kScalarKernels;
}

std::atomic<const DistanceKernels*>& Override() {
  static std::atomic<const DistanceKernels*> kernels{nullptr};
  return kernels;
}

}  // namespace

std::string_view KernelLevelName(KernelLevel level) {
  switch (level) {
    case KernelLevel::kScalar:
      return "scalar";
    case KernelLevel::kAvx2:
      return "avx2";
    case KernelLevel::kAvx512:
      return "avx512";
  }
  return "unknown";
}

const DistanceKernels* KernelsOfLevel(KernelLevel level) {
  if (!CpuRuns(level)) {
    return nullptr;
  }
#if PERIGEE_X86_KERNELS
  if (level == KernelLevel::kAvx2) {
    return &kAvx2Kernels;
  }
  if (level == KernelLevel::kAvx512) {
    return &kAvx512Kernels;
  }
#endif
  return &kScalarKernels;
}

const DistanceKernels& ActiveKernels() {
  if (const DistanceKernels* kernels = Override().load(std::memory_order_acquire)) {
    return *kernels;
  }
  static const DistanceKernels* const best = Best();
  return *best;
}

void OverrideKernelLevel(std::optional<KernelLevel> level) {
  const DistanceKernels* kernels = level ? KernelsOfLevel(*level) : nullptr;
  PERIGEE_CHECK(!level || kernels != nullptr, "this CPU cannot run the level");
  Override().store(kernels, std::memory_order_release);
}

double VectorNorm(const float* values, size_t dimension) {
  double sum = 0;
  for (size_t i = 0; i < dimension; ++i) {
    sum += static_cast<double>(values[i]) * static_cast<double>(values[i]);
  }
  return std::sqrt(sum);
}

}  // namespace perigee::engine
