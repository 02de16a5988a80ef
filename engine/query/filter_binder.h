// SPDX-License-Identifier: Apache-2.0
//
// BoundFilter: a Filter made ready for evaluation on many rows: paths split, literals typed and
// sorted, date-times parsed, ids encoded, vector names resolved to their place in the schema.
//
// Invariants:
//  1. Binding changes no answer: filter_evaluator gives for a BoundFilter what docs/filters.md says
//     of the Filter.
//  2. The tree is as deep as the Filter's, at most limits::kFilterDepthMax.
// Thread-safety: immutable after BindFilter; one BoundFilter may serve many threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/model/date_time.h"
#include "engine/model/payload_path.h"
#include "engine/query/exact_number.h"
#include "perigee/model/collection_schema.h"
#include "perigee/model/filter.h"

namespace perigee::engine {

/// The literals of a match condition by type; each list is sorted and without duplicates.
struct BoundValues {
  std::vector<ExactNumber> numbers;
  std::vector<std::string> strings;
  bool has_true = false;
  bool has_false = false;
};

struct BoundMatch {
  PayloadPath path;
  bool except = false;
  BoundValues values;
};

template <typename T>
struct BoundInterval {
  std::optional<T> lt;
  std::optional<T> lte;
  std::optional<T> gt;
  std::optional<T> gte;

  bool Contains(const T& value) const {
    return (!lt || value < *lt) && (!lte || value <= *lte) && (!gt || value > *gt) &&
           (!gte || value >= *gte);
  }
};

struct BoundRange {
  PayloadPath path;
  std::variant<BoundInterval<ExactNumber>, BoundInterval<DateTime>> interval;
};

struct BoundHasId {
  std::vector<std::string> encoded_ids;  ///< sorted
};

struct BoundIsEmpty {
  PayloadPath path;
};

struct BoundIsNull {
  PayloadPath path;
};

struct BoundValuesCount {
  PayloadPath path;
  BoundInterval<uint64_t> interval;
};

struct BoundHasVector {
  uint32_t presence_mask = 0;  ///< the bit of the vector's ordinal
};

struct BoundNode;

/// At least `count` of the children hold: all of them for AND, 1 for OR.
struct BoundAtLeast {
  uint64_t count = 0;
  std::vector<BoundNode> children;
};

struct BoundNot {
  std::vector<BoundNode> child;  ///< exactly one
};

struct BoundNode {
  std::variant<BoundAtLeast, BoundNot, BoundMatch, BoundRange, BoundHasId, BoundIsEmpty,
               BoundIsNull, BoundValuesCount, BoundHasVector>
      node;
};

class BoundFilter {
 public:
  const BoundNode& root() const { return root_; }
  /// The filter looks at the payload, so that without field indexes rows are scanned.
  bool reads_payload() const { return reads_payload_; }
  /// No row is left out whatever it holds; callers may skip the evaluation.
  bool matches_everything() const { return matches_everything_; }

 private:
  friend absl::StatusOr<BoundFilter> BindFilter(const Filter& filter,
                                                const CollectionSchema& schema);
  BoundFilter() = default;
  BoundNode root_;
  bool reads_payload_ = false;
  bool matches_everything_ = false;
};

/// kInvalidArgument when the filter is not valid or names an unknown vector; kUnimplemented for
/// text and geo conditions.
absl::StatusOr<BoundFilter> BindFilter(const Filter& filter, const CollectionSchema& schema);

}  // namespace perigee::engine
