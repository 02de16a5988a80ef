// SPDX-License-Identifier: Apache-2.0
#include "client/wire/wire_filter.h"

#include <type_traits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/wire/wire_bounds.h"
#include "client/wire/wire_point.h"
#include "perigee/model/limits.h"
#include "storage/foundation/error_reason.h"
#include "storage/foundation/status_macros.h"

namespace perigee::wire {
namespace {

using FilterList = std::vector<Filter>;

void EncodeNode(const Filter& filter, schema::Filter::Builder out);

void EncodeChildren(const FilterList& children, capnp::List<schema::Filter>::Builder out) {
  for (size_t i = 0; i < children.size(); ++i) {
    EncodeNode(children[i], out[WireCount(i)]);
  }
}

// Requires: a literal that Validate accepts, so neither null nor a container.
void EncodeValue(const FilterValue& value, schema::FilterValue::Builder out) {
  if (const bool* boolean = value.As<bool>()) {
    out.setBoolean(*boolean);
  } else if (const int64_t* integer = value.As<int64_t>()) {
    out.setSigned(*integer);
  } else if (const uint64_t* large = value.As<uint64_t>()) {
    out.setUnsigned(*large);
  } else if (const double* number = value.As<double>()) {
    out.setNumber(*number);
  } else if (const std::string* text = value.As<std::string>()) {
    out.setText(WireText(*text));
  }
}

void EncodeBounds(const RangeCondition& range, schema::Bounds::Builder out) {
  if (range.lt.has_value()) EncodeValue(*range.lt, out.initLt());
  if (range.lte.has_value()) EncodeValue(*range.lte, out.initLte());
  if (range.gt.has_value()) EncodeValue(*range.gt, out.initGt());
  if (range.gte.has_value()) EncodeValue(*range.gte, out.initGte());
}

void EncodeBounds(const ValuesCountCondition& count, schema::Bounds::Builder out) {
  if (count.lt.has_value()) out.initLt().setUnsigned(*count.lt);
  if (count.lte.has_value()) out.initLte().setUnsigned(*count.lte);
  if (count.gt.has_value()) out.initGt().setUnsigned(*count.gt);
  if (count.gte.has_value()) out.initGte().setUnsigned(*count.gte);
}

void EncodeGeoPoint(const GeoPoint& point, schema::GeoPoint::Builder out) {
  out.setLatitude(point.latitude);
  out.setLongitude(point.longitude);
}

schema::MatchKind EncodeMatchKind(MatchCondition::Kind kind) {
  switch (kind) {
    case MatchCondition::Kind::kValue:
      return schema::MatchKind::VALUE;
    case MatchCondition::Kind::kAny:
      return schema::MatchKind::ANY;
    case MatchCondition::Kind::kExcept:
      return schema::MatchKind::EXCEPT;
  }
  return schema::MatchKind::INVALID;
}

struct NodeEncoder {
  schema::Filter::Builder out;

  void operator()(const AndNode& node) {
    EncodeChildren(node.children, out.initAll(WireCount(node.children.size())));
  }
  void operator()(const OrNode& node) {
    EncodeChildren(node.children, out.initAny(WireCount(node.children.size())));
  }
  void operator()(const NotNode& node) { EncodeNode(node.children.front(), out.initNegation()); }
  void operator()(const MinShouldNode& node) {
    auto group = out.initAtLeast();
    group.setCount(node.count);
    EncodeChildren(node.children, group.initChildren(WireCount(node.children.size())));
  }
  void operator()(const MatchCondition& node) {
    auto group = out.initMatch();
    group.setPath(WireText(node.path));
    group.setKind(EncodeMatchKind(node.kind));
    auto values = group.initValues(WireCount(node.values.size()));
    for (size_t i = 0; i < node.values.size(); ++i) {
      EncodeValue(node.values[i], values[WireCount(i)]);
    }
  }
  void operator()(const TextCondition& node) {
    auto group = out.initText();
    group.setTextPath(WireText(node.path));
    group.setWords(WireText(node.text));
  }
  void operator()(const RangeCondition& node) {
    auto group = out.initRange();
    group.setRangePath(WireText(node.path));
    EncodeBounds(node, group.initBounds());
  }
  void operator()(const GeoRadiusCondition& node) {
    auto group = out.initGeoRadius();
    group.setRadiusPath(WireText(node.path));
    EncodeGeoPoint(node.center, group.initCenter());
    group.setRadiusM(node.radius_m);
  }
  void operator()(const GeoBoxCondition& node) {
    auto group = out.initGeoBox();
    group.setBoxPath(WireText(node.path));
    EncodeGeoPoint(node.top_left, group.initTopLeft());
    EncodeGeoPoint(node.bottom_right, group.initBottomRight());
  }
  void operator()(const HasIdCondition& node) {
    EncodeIds(node.ids, out.initHasId(WireCount(node.ids.size())));
  }
  void operator()(const IsEmptyCondition& node) { out.setIsEmpty(WireText(node.path)); }
  void operator()(const IsNullCondition& node) { out.setIsNull(WireText(node.path)); }
  void operator()(const ValuesCountCondition& node) {
    auto group = out.initValuesCount();
    group.setCountPath(WireText(node.path));
    EncodeBounds(node, group.initCountBounds());
  }
  void operator()(const HasVectorCondition& node) { out.setHasVector(WireText(node.name)); }
};

void EncodeNode(const Filter& filter, schema::Filter::Builder out) {
  std::visit(NodeEncoder{out}, filter.node);
}

GeoPoint DecodeGeoPoint(schema::GeoPoint::Reader in) {
  return {.latitude = in.getLatitude(), .longitude = in.getLongitude()};
}

absl::StatusOr<MatchCondition::Kind> DecodeMatchKind(schema::MatchKind kind) {
  switch (kind) {
    case schema::MatchKind::VALUE:
      return MatchCondition::Kind::kValue;
    case schema::MatchKind::ANY:
      return MatchCondition::Kind::kAny;
    case schema::MatchKind::EXCEPT:
      return MatchCondition::Kind::kExcept;
    default:
      return absl::InvalidArgumentError(
          absl::StrCat("unknown kind of match ", static_cast<int>(kind)));
  }
}

// A bound of memory only; the exact count is the model's, which weighs numbers too.
constexpr size_t kTextBytesMax = 2 * limits::kFilterBytesMax;

// Reads one tree and counts what it costs.
class FilterDecoder {
 public:
  absl::StatusOr<Filter> Node(schema::Filter::Reader in, size_t depth) {
    if (depth > limits::kFilterDepthMax) {
      return ErrorWithReason(ErrorReason::kLimit,
                             absl::StrCat("the filter is deeper than ", limits::kFilterDepthMax,
                                          " levels, which is the limit"));
    }
    if (++nodes_ > limits::kFilterNodesMax) {
      return ErrorWithReason(ErrorReason::kLimit,
                             absl::StrCat("the filter has more than ", limits::kFilterNodesMax,
                                          " nodes, which is the limit"));
    }
    switch (in.which()) {
      case schema::Filter::ALL:
        return Tree(AndNode{}, in.getAll(), depth);
      case schema::Filter::ANY:
        return Tree(OrNode{}, in.getAny(), depth);
      case schema::Filter::NEGATION:
        return Negation(in, depth);
      case schema::Filter::AT_LEAST:
        return Tree(MinShouldNode{.count = in.getAtLeast().getCount(), .children = {}},
                    in.getAtLeast().getChildren(), depth);
      case schema::Filter::MATCH:
        return Match(in.getMatch());
      case schema::Filter::RANGE:
        return Range(in.getRange());
      case schema::Filter::HAS_ID:
        return HasId(in.getHasId());
      case schema::Filter::VALUES_COUNT:
        return ValuesCount(in.getValuesCount());
      case schema::Filter::TEXT:
      case schema::Filter::GEO_RADIUS:
      case schema::Filter::GEO_BOX:
        return TextOrGeo(in);
      case schema::Filter::IS_EMPTY:
      case schema::Filter::IS_NULL:
      case schema::Filter::HAS_VECTOR:
        return PathOnly(in);
    }
    return absl::InvalidArgumentError(absl::StrCat(
        "a filter node of kind ", static_cast<int>(in.which()), ", which this version lacks"));
  }

 private:
  template <typename NodeType>
  absl::StatusOr<Filter> Tree(NodeType node, capnp::List<schema::Filter>::Reader children,
                              size_t depth) {
    PERIGEE_RETURN_IF_ERROR(
        CheckCount("a node of the filter", children.size(), limits::kFilterNodesMax));
    for (const schema::Filter::Reader child : children) {
      PERIGEE_ASSIGN_OR_RETURN(Filter decoded, Node(child, depth + 1));
      node.children.push_back(std::move(decoded));
    }
    return Filter{.node = std::move(node)};
  }

  absl::StatusOr<Filter> Negation(schema::Filter::Reader in, size_t depth) {
    if (!in.hasNegation()) {
      return absl::InvalidArgumentError("a negation without a condition");
    }
    PERIGEE_ASSIGN_OR_RETURN(Filter child, Node(in.getNegation(), depth + 1));
    NotNode node;
    node.children.push_back(std::move(child));
    return Filter{.node = std::move(node)};
  }

  absl::StatusOr<Filter> Match(schema::Filter::Match::Reader in) {
    MatchCondition condition;
    PERIGEE_ASSIGN_OR_RETURN(condition.path, Text(in.getPath()));
    PERIGEE_ASSIGN_OR_RETURN(condition.kind, DecodeMatchKind(in.getKind()));
    PERIGEE_RETURN_IF_ERROR(
        CheckCount("a list of values", in.getValues().size(), limits::kFilterValuesMax));
    for (const schema::FilterValue::Reader element : in.getValues()) {
      PERIGEE_ASSIGN_OR_RETURN(FilterValue value, Value(element));
      condition.values.push_back(std::move(value));
    }
    return Filter{.node = std::move(condition)};
  }

  absl::StatusOr<Filter> Range(schema::Filter::Range::Reader in) {
    RangeCondition condition;
    PERIGEE_ASSIGN_OR_RETURN(condition.path, Text(in.getRangePath()));
    const schema::Bounds::Reader bounds = in.getBounds();
    if (bounds.hasLt()) {
      PERIGEE_ASSIGN_OR_RETURN(condition.lt, Value(bounds.getLt()));
    }
    if (bounds.hasLte()) {
      PERIGEE_ASSIGN_OR_RETURN(condition.lte, Value(bounds.getLte()));
    }
    if (bounds.hasGt()) {
      PERIGEE_ASSIGN_OR_RETURN(condition.gt, Value(bounds.getGt()));
    }
    if (bounds.hasGte()) {
      PERIGEE_ASSIGN_OR_RETURN(condition.gte, Value(bounds.getGte()));
    }
    return Filter{.node = std::move(condition)};
  }

  absl::StatusOr<Filter> ValuesCount(schema::Filter::ValuesCount::Reader in) {
    ValuesCountCondition condition;
    PERIGEE_ASSIGN_OR_RETURN(condition.path, Text(in.getCountPath()));
    const schema::Bounds::Reader bounds = in.getCountBounds();
    if (bounds.hasLt()) {
      PERIGEE_ASSIGN_OR_RETURN(condition.lt, Unsigned(bounds.getLt()));
    }
    if (bounds.hasLte()) {
      PERIGEE_ASSIGN_OR_RETURN(condition.lte, Unsigned(bounds.getLte()));
    }
    if (bounds.hasGt()) {
      PERIGEE_ASSIGN_OR_RETURN(condition.gt, Unsigned(bounds.getGt()));
    }
    if (bounds.hasGte()) {
      PERIGEE_ASSIGN_OR_RETURN(condition.gte, Unsigned(bounds.getGte()));
    }
    return Filter{.node = std::move(condition)};
  }

  absl::StatusOr<Filter> HasId(capnp::List<schema::PointId>::Reader in) {
    PERIGEE_ASSIGN_OR_RETURN(std::vector<PointId> ids, DecodeIds(in, limits::kFilterValuesMax));
    for (const PointId& id : ids) {
      PERIGEE_RETURN_IF_ERROR(Spend(id.is_integer() ? 0 : id.string().size()));
    }
    return Filter{.node = HasIdCondition{.ids = std::move(ids)}};
  }

  absl::StatusOr<Filter> TextOrGeo(schema::Filter::Reader in) {
    if (in.isText()) {
      TextCondition condition;
      PERIGEE_ASSIGN_OR_RETURN(condition.path, Text(in.getText().getTextPath()));
      PERIGEE_ASSIGN_OR_RETURN(condition.text, Text(in.getText().getWords()));
      return Filter{.node = std::move(condition)};
    }
    if (in.isGeoRadius()) {
      GeoRadiusCondition condition;
      PERIGEE_ASSIGN_OR_RETURN(condition.path, Text(in.getGeoRadius().getRadiusPath()));
      condition.center = DecodeGeoPoint(in.getGeoRadius().getCenter());
      condition.radius_m = in.getGeoRadius().getRadiusM();
      return Filter{.node = std::move(condition)};
    }
    GeoBoxCondition condition;
    PERIGEE_ASSIGN_OR_RETURN(condition.path, Text(in.getGeoBox().getBoxPath()));
    condition.top_left = DecodeGeoPoint(in.getGeoBox().getTopLeft());
    condition.bottom_right = DecodeGeoPoint(in.getGeoBox().getBottomRight());
    return Filter{.node = std::move(condition)};
  }

  absl::StatusOr<Filter> PathOnly(schema::Filter::Reader in) {
    const capnp::Text::Reader text = in.isIsEmpty()  ? in.getIsEmpty()
                                     : in.isIsNull() ? in.getIsNull()
                                                     : in.getHasVector();
    PERIGEE_ASSIGN_OR_RETURN(std::string path, Text(text));
    if (in.which() == schema::Filter::IS_EMPTY) {
      return Filter{.node = IsEmptyCondition{.path = std::move(path)}};
    }
    if (in.which() == schema::Filter::IS_NULL) {
      return Filter{.node = IsNullCondition{.path = std::move(path)}};
    }
    return Filter{.node = HasVectorCondition{.name = std::move(path)}};
  }

  absl::StatusOr<FilterValue> Value(schema::FilterValue::Reader in) {
    switch (in.which()) {
      case schema::FilterValue::BOOLEAN:
        return FilterValue(in.getBoolean());
      case schema::FilterValue::SIGNED:
        return FilterValue(int64_t{in.getSigned()});
      case schema::FilterValue::UNSIGNED:
        return FilterValue(uint64_t{in.getUnsigned()});
      case schema::FilterValue::NUMBER:
        return FilterValue(in.getNumber());
      case schema::FilterValue::TEXT: {
        PERIGEE_ASSIGN_OR_RETURN(std::string text, Text(in.getText()));
        return FilterValue(std::move(text));
      }
    }
    return absl::InvalidArgumentError("a literal of a kind that this version does not know");
  }

  absl::StatusOr<uint64_t> Unsigned(schema::FilterValue::Reader in) {
    if (!in.isUnsigned()) {
      return absl::InvalidArgumentError("a bound of values_count is not an unsigned number");
    }
    return in.getUnsigned();
  }

  absl::StatusOr<std::string> Text(capnp::Text::Reader text) {
    PERIGEE_RETURN_IF_ERROR(Spend(text.size()));
    return CopyText("a text of the filter", text, limits::kFilterBytesMax);
  }

  absl::Status Spend(size_t bytes) {
    bytes_ += bytes;
    if (bytes_ <= kTextBytesMax) {
      return absl::OkStatus();
    }
    return ErrorWithReason(ErrorReason::kLimit,
                           absl::StrCat("the filter has more than ", limits::kFilterBytesMax,
                                        " bytes of paths and literals, which is the limit"));
  }

  size_t nodes_ = 0;
  size_t bytes_ = 0;
};

}  // namespace

absl::Status EncodeFilter(const Filter& filter, schema::Filter::Builder out) {
  PERIGEE_RETURN_IF_ERROR(Validate(filter));
  EncodeNode(filter, out);
  return absl::OkStatus();
}

absl::StatusOr<Filter> DecodeFilter(schema::Filter::Reader in) {
  return FilterDecoder().Node(in, 1);
}

}  // namespace perigee::wire
