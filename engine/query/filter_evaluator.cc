// SPDX-License-Identifier: Apache-2.0
#include "engine/query/filter_evaluator.h"

#include <algorithm>

#include "engine/payload/encoded_value.h"

namespace perigee::engine {
namespace {

using Steps = std::span<const PayloadPath::Step>;

/// What a visitor wants next: Visit stops as soon as the answer is known.
enum class Walk { kGoOn, kStop };

template <typename Visitor>
Walk VisitMembers(std::span<const std::byte> members, Steps steps, const Visitor& visit);

/// `value` stands behind steps[0]; arrays on it may be entered `arrays_left` times more.
template <typename Visitor>
Walk VisitValue(const EncodedValue& value, Steps steps, uint32_t arrays_left,
                const Visitor& visit) {
  const bool last = steps.size() == 1;
  if (value.is_array() && arrays_left > 0) {
    EncodedElements elements(value);
    while (const std::optional<EncodedValue> element = elements.Next()) {
      if (VisitValue(*element, steps, arrays_left - 1, visit) == Walk::kStop) return Walk::kStop;
    }
    return Walk::kGoOn;
  }
  if (last) return visit(value);
  if (!value.is_object()) return Walk::kGoOn;
  return VisitMembers(value.Items(), steps.subspan(1), visit);
}

/// Calls `visit` with every value that the path reaches. An array at its end is given as a whole:
/// the last [] is left to the conditions, which look at its elements themselves.
template <typename Visitor>
Walk VisitMembers(std::span<const std::byte> members, Steps steps, const Visitor& visit) {
  const PayloadPath::Step& step = steps[0];
  const std::optional<EncodedValue> value = FindEncodedMember(members, step.key);
  if (!value.has_value()) return Walk::kGoOn;
  const uint32_t levels = std::max<uint32_t>(1, step.array_levels);
  return VisitValue(*value, steps, steps.size() == 1 ? levels - 1 : levels, visit);
}

template <typename Visitor>
void VisitPath(const FilterRow& row, const PayloadPath& path, const Visitor& visit) {
  VisitMembers(EncodedPayloadMembers(row.payload), path.steps, visit);
}

/// Whether `holds` is true of the value, or of one element if it is an array.
template <typename Holds>
bool AnyElement(const EncodedValue& value, const Holds& holds) {
  if (!value.is_array()) return holds(value);
  EncodedElements elements(value);
  while (const std::optional<EncodedValue> element = elements.Next()) {
    if (holds(*element)) return true;
  }
  return false;
}

/// Whether `holds` is true of one of the values at the path, elements counted.
template <typename Holds>
bool AnyAtPath(const FilterRow& row, const PayloadPath& path, const Holds& holds) {
  bool found = false;
  VisitPath(row, path, [&](const EncodedValue& value) {
    found = AnyElement(value, holds);
    return found ? Walk::kStop : Walk::kGoOn;
  });
  return found;
}

std::optional<ExactNumber> NumberOf(const EncodedValue& value) {
  switch (value.tag()) {
    case PayloadTag::kInt64:
      return ExactNumber(value.Int64());
    case PayloadTag::kUint64:
      return ExactNumber(value.Uint64());
    case PayloadTag::kDouble:
      return ExactNumber::FromDouble(value.Double());
    default:
      return std::nullopt;
  }
}

bool Listed(const BoundValues& values, const EncodedValue& value) {
  switch (value.tag()) {
    case PayloadTag::kFalse:
      return values.has_false;
    case PayloadTag::kTrue:
      return values.has_true;
    case PayloadTag::kString:
      return std::binary_search(values.strings.begin(), values.strings.end(), value.String(),
                                std::less<>());
    default: {
      if (values.numbers.empty()) return false;
      const std::optional<ExactNumber> number = NumberOf(value);
      return number.has_value() &&
             std::binary_search(values.numbers.begin(), values.numbers.end(), *number);
    }
  }
}

bool Holds(const BoundNode& node, const FilterRow& row);

struct Evaluator {
  const FilterRow& row;

  bool operator()(const BoundAtLeast& node) const {
    uint64_t missing = node.count;
    size_t left = node.children.size();
    for (const BoundNode& child : node.children) {
      if (missing == 0 || missing > left) break;
      if (Holds(child, row)) --missing;
      --left;
    }
    return missing == 0;
  }

  bool operator()(const BoundNot& node) const { return !Holds(node.child[0], row); }

  bool operator()(const BoundMatch& match) const {
    if (!match.except) {
      return AnyAtPath(row, match.path,
                       [&](const EncodedValue& value) { return Listed(match.values, value); });
    }
    bool exists = false;
    const bool listed = AnyAtPath(row, match.path, [&](const EncodedValue& value) {
      exists = exists || !value.is_null();
      return Listed(match.values, value);
    });
    return exists && !listed;
  }

  bool operator()(const BoundRange& range) const {
    if (const auto* numbers = std::get_if<BoundInterval<ExactNumber>>(&range.interval)) {
      return AnyAtPath(row, range.path, [&](const EncodedValue& value) {
        const std::optional<ExactNumber> number = NumberOf(value);
        return number.has_value() && numbers->Contains(*number);
      });
    }
    const auto& moments = std::get<BoundInterval<DateTime>>(range.interval);
    return AnyAtPath(row, range.path, [&](const EncodedValue& value) {
      if (value.tag() != PayloadTag::kString) return false;
      const std::optional<DateTime> moment = ParseDateTime(value.String());
      return moment.has_value() && moments.Contains(*moment);
    });
  }

  bool operator()(const BoundHasId& has_id) const {
    return std::binary_search(has_id.encoded_ids.begin(), has_id.encoded_ids.end(), row.encoded_id,
                              std::less<>());
  }

  bool operator()(const BoundIsEmpty& is_empty) const {
    bool empty = true;
    VisitPath(row, is_empty.path, [&](const EncodedValue& value) {
      empty = value.is_null() || (value.is_array() && value.Count() == 0);
      return empty ? Walk::kGoOn : Walk::kStop;
    });
    return empty;
  }

  bool operator()(const BoundIsNull& is_null) const {
    return AnyAtPath(row, is_null.path, [](const EncodedValue& value) { return value.is_null(); });
  }

  bool operator()(const BoundValuesCount& count) const {
    bool reached = false;
    bool holds = false;
    VisitPath(row, count.path, [&](const EncodedValue& value) {
      reached = true;
      const uint64_t values = value.is_null() ? 0 : value.is_array() ? value.Count() : 1;
      holds = count.interval.Contains(values);
      return holds ? Walk::kStop : Walk::kGoOn;
    });
    return reached ? holds : count.interval.Contains(0);
  }

  bool operator()(const BoundHasVector& has_vector) const {
    return (row.vector_presence_bits & has_vector.presence_mask) != 0;
  }
};

bool Holds(const BoundNode& node, const FilterRow& row) {
  return std::visit(Evaluator{row}, node.node);
}

}  // namespace

bool Matches(const BoundFilter& filter, const FilterRow& row) { return Holds(filter.root(), row); }

}  // namespace perigee::engine
