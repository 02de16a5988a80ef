// SPDX-License-Identifier: Apache-2.0
//
// The limits of requests and stored things. Each is checked before anything is allocated or
// written, and the message of the check names the limit.
//
// Invariants: numbers on disk and on the wire may rely on the hard limits here never growing beyond
// the field widths that hold them.
// Thread-safety: constants.
#pragma once

#include <cstddef>
#include <cstdint>

namespace perigee::limits {

inline constexpr uint32_t kDimensionMax = 65'535;
inline constexpr size_t kNamedVectorsMax = 8;
inline constexpr size_t kVectorNameBytesMax = 128;
inline constexpr size_t kCollectionNameBytesMax = 128;
inline constexpr size_t kCollectionsMax = 10'000;
inline constexpr size_t kPointIdBytesMax = 256;

inline constexpr uint32_t kResultsMax = 16'384;  ///< limit, and offset + limit
inline constexpr uint32_t kEfMax = 65'536;
inline constexpr size_t kQueryBatchMax = 256;
inline constexpr uint32_t kScrollLimitMax = 16'384;
inline constexpr uint32_t kTimeoutMsMax = 60'000;

inline constexpr size_t kWriteBatchPointsMax = 4'096;
/// A batch must fit one log group of 16 MiB with its headers.
inline constexpr size_t kWriteBatchBytesMax = (16U << 20U) - (64U << 10U);

inline constexpr size_t kPayloadBytesMax = 256U << 10U;
inline constexpr size_t kPayloadDepthMax = 32;
inline constexpr size_t kPayloadKeysMax = 1'024;
inline constexpr size_t kPayloadKeyBytesMax = 256;
inline constexpr size_t kPayloadStringBytesMax = 64U << 10U;

inline constexpr size_t kFilterDepthMax = 16;
inline constexpr size_t kFilterNodesMax = 256;
inline constexpr size_t kFilterValuesMax = 4'096;
inline constexpr size_t kFilterBytesMax = 256U << 10U;
inline constexpr size_t kPathBytesMax = 1'024;

inline constexpr uint32_t kHnswMMax = 128;
inline constexpr uint32_t kHnswEfConstructionMax = 4'096;

/// Largest magnitude an f16 collection stores.
inline constexpr float kFloat16Max = 65'504.0F;

}  // namespace perigee::limits
