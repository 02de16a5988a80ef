// SPDX-License-Identifier: Apache-2.0
#include "engine/query/filter_binder.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/model/schema_names.h"
#include "perigee/model/limits.h"
#include "storage/foundation/check.h"
#include "storage/foundation/status_macros.h"

namespace perigee::engine {
namespace {

static_assert(limits::kNamedVectorsMax <= 32, "presence bits are a uint32_t");

std::optional<ExactNumber> Number(const FilterValue& value) {
  if (const auto* number = value.As<int64_t>()) return ExactNumber(*number);
  if (const auto* number = value.As<uint64_t>()) return ExactNumber(*number);
  if (const auto* number = value.As<double>()) return ExactNumber::FromDouble(*number);
  return std::nullopt;
}

template <typename T>
void SortUnique(std::vector<T>& values) {
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
}

BoundValues BindValues(const std::vector<FilterValue>& values) {
  BoundValues bound;
  for (const FilterValue& value : values) {
    if (const std::optional<ExactNumber> number = Number(value)) {
      bound.numbers.push_back(*number);
    } else if (const auto* text = value.As<std::string>()) {
      bound.strings.push_back(*text);
    } else if (const auto* flag = value.As<bool>()) {
      (*flag ? bound.has_true : bound.has_false) = true;
    }
  }
  SortUnique(bound.numbers);
  SortUnique(bound.strings);
  return bound;
}

/// The bounds of `condition`, each through `convert`, which gives an optional.
template <typename T, typename Condition, typename Convert>
BoundInterval<T> BindInterval(const Condition& condition, const Convert& convert) {
  BoundInterval<T> interval;
  if (condition.lt.has_value()) interval.lt = convert(*condition.lt);
  if (condition.lte.has_value()) interval.lte = convert(*condition.lte);
  if (condition.gt.has_value()) interval.gt = convert(*condition.gt);
  if (condition.gte.has_value()) interval.gte = convert(*condition.gte);
  return interval;
}

bool HasStringBound(const RangeCondition& range) {
  for (const auto* bound : {&range.lt, &range.lte, &range.gt, &range.gte}) {
    if (bound->has_value()) return (*bound)->As<std::string>() != nullptr;
  }
  return false;
}

/// Turns a valid filter's nodes into bound ones.
class Binder {
 public:
  explicit Binder(const CollectionSchema& schema) : schema_(schema) {}

  absl::StatusOr<BoundNode> Bind(const Filter& filter) {
    return std::visit([&](const auto& node) { return BindNode(node); }, filter.node);
  }
  bool reads_payload() const { return reads_payload_; }

 private:
  absl::StatusOr<BoundNode> BindNode(const AndNode& node) {
    return BindChildren(node.children.size(), node.children);
  }
  absl::StatusOr<BoundNode> BindNode(const OrNode& node) { return BindChildren(1, node.children); }
  absl::StatusOr<BoundNode> BindNode(const MinShouldNode& node) {
    return BindChildren(node.count, node.children);
  }

  absl::StatusOr<BoundNode> BindChildren(uint64_t count, const std::vector<Filter>& children) {
    BoundAtLeast bound{.count = count, .children = {}};
    bound.children.reserve(children.size());
    for (const Filter& child : children) {
      PERIGEE_ASSIGN_OR_RETURN(BoundNode bound_child, Bind(child));
      bound.children.push_back(std::move(bound_child));
    }
    return BoundNode{std::move(bound)};
  }

  absl::StatusOr<BoundNode> BindNode(const NotNode& node) {
    BoundNot bound;
    PERIGEE_ASSIGN_OR_RETURN(BoundNode child, Bind(node.children.at(0)));
    bound.child.push_back(std::move(child));
    return BoundNode{std::move(bound)};
  }

  absl::StatusOr<BoundNode> BindNode(const MatchCondition& match) {
    PERIGEE_ASSIGN_OR_RETURN(PayloadPath path, Path(match.path));
    return BoundNode{BoundMatch{.path = std::move(path),
                                .except = match.kind == MatchCondition::Kind::kExcept,
                                .values = BindValues(match.values)}};
  }

  absl::StatusOr<BoundNode> BindNode(const RangeCondition& range) {
    PERIGEE_ASSIGN_OR_RETURN(PayloadPath path, Path(range.path));
    BoundRange bound{.path = std::move(path), .interval = {}};
    if (HasStringBound(range)) {
      bound.interval = BindInterval<DateTime>(
          range, [](const FilterValue& value) { return ParseDateTime(*value.As<std::string>()); });
    } else {
      bound.interval = BindInterval<ExactNumber>(range, Number);
    }
    return BoundNode{std::move(bound)};
  }

  absl::StatusOr<BoundNode> BindNode(const HasIdCondition& has_id) {
    BoundHasId bound;
    bound.encoded_ids.reserve(has_id.ids.size());
    for (const PointId& id : has_id.ids) bound.encoded_ids.push_back(id.Encode());
    SortUnique(bound.encoded_ids);
    return BoundNode{std::move(bound)};
  }

  absl::StatusOr<BoundNode> BindNode(const IsEmptyCondition& is_empty) {
    PERIGEE_ASSIGN_OR_RETURN(PayloadPath path, Path(is_empty.path));
    return BoundNode{BoundIsEmpty{.path = std::move(path)}};
  }

  absl::StatusOr<BoundNode> BindNode(const IsNullCondition& is_null) {
    PERIGEE_ASSIGN_OR_RETURN(PayloadPath path, Path(is_null.path));
    return BoundNode{BoundIsNull{.path = std::move(path)}};
  }

  absl::StatusOr<BoundNode> BindNode(const ValuesCountCondition& count) {
    PERIGEE_ASSIGN_OR_RETURN(PayloadPath path, Path(count.path));
    const auto same = [](uint64_t value) { return std::optional(value); };
    return BoundNode{
        BoundValuesCount{.path = std::move(path), .interval = BindInterval<uint64_t>(count, same)}};
  }

  absl::StatusOr<BoundNode> BindNode(const HasVectorCondition& has_vector) {
    const VectorSchema* vector = schema_.Find(has_vector.name);
    if (vector == nullptr) {
      return UnknownVectorError("filter: has_vector", has_vector.name, schema_);
    }
    const auto ordinal = static_cast<uint32_t>(vector - schema_.vectors.data());
    return BoundNode{BoundHasVector{.presence_mask = 1U << ordinal}};
  }

  absl::StatusOr<BoundNode> BindNode(const TextCondition& text) {
    return Unsupported("match text", text.path);
  }
  absl::StatusOr<BoundNode> BindNode(const GeoRadiusCondition& geo) {
    return Unsupported("geo_radius", geo.path);
  }
  absl::StatusOr<BoundNode> BindNode(const GeoBoxCondition& geo) {
    return Unsupported("geo_bounding_box", geo.path);
  }

  static absl::Status Unsupported(const char* condition, const std::string& path) {
    return absl::UnimplementedError(
        absl::StrCat("filter: ", condition, " on ", path, " is not supported in this version; ",
                     "match, range, has_id, is_empty, is_null, values_count and has_vector are"));
  }

  absl::StatusOr<PayloadPath> Path(const std::string& text) {
    reads_payload_ = true;
    return PayloadPath::Parse(text);
  }

  const CollectionSchema& schema_;
  bool reads_payload_ = false;
};

}  // namespace

absl::StatusOr<BoundFilter> BindFilter(const Filter& filter, const CollectionSchema& schema) {
  PERIGEE_RETURN_IF_ERROR(Validate(filter));
  Binder binder(schema);
  BoundFilter bound;
  PERIGEE_ASSIGN_OR_RETURN(bound.root_, binder.Bind(filter));
  bound.reads_payload_ = binder.reads_payload();
  const auto* all = std::get_if<BoundAtLeast>(&bound.root_.node);
  bound.matches_everything_ = all != nullptr && all->count == 0;
  return bound;
}

}  // namespace perigee::engine
