// SPDX-License-Identifier: Apache-2.0
#include <span>

#include "absl/strings/str_cat.h"
#include "engine/model/json_writer.h"
#include "perigee/model/filter.h"

namespace perigee {
namespace {

/// Writes the members of one object, with the commas between them.
class ObjectWriter {
 public:
  explicit ObjectWriter(std::string& out) : out_(out) { out_ += '{'; }
  ~ObjectWriter() { out_ += '}'; }
  ObjectWriter(const ObjectWriter&) = delete;
  ObjectWriter& operator=(const ObjectWriter&) = delete;

  /// Begins a member; its value is appended to out() next.
  std::string& Key(std::string_view key) {
    if (!first_) out_ += ',';
    first_ = false;
    AppendJsonString(key, out_);
    out_ += ':';
    return out_;
  }
  void String(std::string_view key, std::string_view value) { AppendJsonString(value, Key(key)); }
  void Double(std::string_view key, double value) { AppendJsonDouble(value, Key(key)); }

 private:
  std::string& out_;
  bool first_ = true;
};

void AppendFilter(const Filter& filter, std::string& out);

template <typename Items, typename AppendItem>
void AppendList(const Items& items, std::string& out, const AppendItem& append_item) {
  out += '[';
  bool first = true;
  for (const auto& item : items) {
    if (!first) out += ',';
    first = false;
    append_item(item);
  }
  out += ']';
}

template <typename Children>
void AppendChildren(const Children& children, std::string& out) {
  AppendList(children, out, [&](const Filter& child) { AppendFilter(child, out); });
}

void AppendMinShould(const MinShouldNode& node, std::string& out) {
  ObjectWriter object(out);
  AppendChildren(node.children, object.Key("conditions"));
  absl::StrAppend(&object.Key("min_count"), node.count);
}

template <typename Node>
const Node* As(const Filter& filter) {
  return std::get_if<Node>(&filter.node);
}

/// The tail of an AND becomes should, min_should and must_not of the same object, as people write
/// it; the parser reads them back in this order.
void AppendAnd(const std::vector<Filter>& children, std::string& out) {
  size_t end = children.size();
  const size_t nots_end = end;
  while (end > 0 && As<NotNode>(children[end - 1]) != nullptr) --end;
  const size_t nots_begin = end;
  const MinShouldNode* min_should = nullptr;
  if (end > 0 && (min_should = As<MinShouldNode>(children[end - 1])) != nullptr) --end;
  const OrNode* should = nullptr;
  // An OR of one reads back as its only child, an empty one as nothing: they stay apart.
  if (end > 0 && (should = As<OrNode>(children[end - 1])) != nullptr &&
      should->children.size() > 1) {
    --end;
  } else {
    should = nullptr;
  }
  ObjectWriter object(out);
  if (end > 0) {
    AppendChildren(std::span(children).first(end), object.Key("must"));
  }
  if (should != nullptr) AppendChildren(should->children, object.Key("should"));
  if (min_should != nullptr) AppendMinShould(*min_should, object.Key("min_should"));
  if (nots_begin < nots_end) {
    std::string& list = object.Key("must_not");
    list += '[';
    for (size_t i = nots_begin; i < nots_end; ++i) {
      if (i > nots_begin) list += ',';
      AppendFilter(As<NotNode>(children[i])->children.at(0), list);
    }
    list += ']';
  }
}

void AppendGeoPoint(const GeoPoint& point, std::string& out) {
  ObjectWriter object(out);
  object.Double("lat", point.latitude);
  object.Double("lon", point.longitude);
}

struct Printer {
  std::string& out;

  void operator()(const AndNode& node) const { AppendAnd(node.children, out); }
  void operator()(const OrNode& node) const {
    ObjectWriter object(out);
    AppendChildren(node.children, object.Key("should"));
  }
  void operator()(const NotNode& node) const {
    ObjectWriter object(out);
    AppendChildren(node.children, object.Key("must_not"));
  }
  void operator()(const MinShouldNode& node) const {
    ObjectWriter object(out);
    AppendMinShould(node, object.Key("min_should"));
  }

  void operator()(const MatchCondition& match) const {
    ObjectWriter object(out);
    object.String("key", match.path);
    ObjectWriter inner(object.Key("match"));
    if (match.kind == MatchCondition::Kind::kValue && !match.values.empty()) {
      AppendJson(match.values[0], inner.Key("value"));
      return;
    }
    const bool any = match.kind == MatchCondition::Kind::kAny;
    std::string& list = inner.Key(any ? "any" : "except");
    AppendList(match.values, list, [&](const FilterValue& value) { AppendJson(value, list); });
  }

  void operator()(const TextCondition& text) const {
    ObjectWriter object(out);
    object.String("key", text.path);
    ObjectWriter inner(object.Key("match"));
    inner.String("text", text.text);
  }

  void operator()(const RangeCondition& range) const {
    ObjectWriter object(out);
    object.String("key", range.path);
    ObjectWriter inner(object.Key("range"));
    const auto bound = [&](std::string_view key, const std::optional<FilterValue>& value) {
      if (value.has_value()) AppendJson(*value, inner.Key(key));
    };
    bound("gt", range.gt);
    bound("gte", range.gte);
    bound("lt", range.lt);
    bound("lte", range.lte);
  }

  void operator()(const GeoRadiusCondition& geo) const {
    ObjectWriter object(out);
    object.String("key", geo.path);
    ObjectWriter inner(object.Key("geo_radius"));
    AppendGeoPoint(geo.center, inner.Key("center"));
    inner.Double("radius", geo.radius_m);
  }

  void operator()(const GeoBoxCondition& geo) const {
    ObjectWriter object(out);
    object.String("key", geo.path);
    ObjectWriter inner(object.Key("geo_bounding_box"));
    AppendGeoPoint(geo.top_left, inner.Key("top_left"));
    AppendGeoPoint(geo.bottom_right, inner.Key("bottom_right"));
  }

  void operator()(const HasIdCondition& has_id) const {
    ObjectWriter object(out);
    std::string& list = object.Key("has_id");
    AppendList(has_id.ids, list, [&](const PointId& id) {
      if (id.is_integer()) {
        absl::StrAppend(&list, id.integer());
      } else {
        AppendJsonString(id.string(), list);
      }
    });
  }

  void operator()(const IsEmptyCondition& is_empty) const { Keyed("is_empty", is_empty.path); }
  void operator()(const IsNullCondition& is_null) const { Keyed("is_null", is_null.path); }

  void operator()(const ValuesCountCondition& count) const {
    ObjectWriter object(out);
    object.String("key", count.path);
    ObjectWriter inner(object.Key("values_count"));
    const auto bound = [&](std::string_view key, const std::optional<uint64_t>& value) {
      if (value.has_value()) absl::StrAppend(&inner.Key(key), *value);
    };
    bound("gt", count.gt);
    bound("gte", count.gte);
    bound("lt", count.lt);
    bound("lte", count.lte);
  }

  void operator()(const HasVectorCondition& has_vector) const {
    ObjectWriter object(out);
    object.String("has_vector", has_vector.name);
  }

 private:
  void Keyed(std::string_view condition, std::string_view path) const {
    ObjectWriter object(out);
    ObjectWriter inner(object.Key(condition));
    inner.String("key", path);
  }
};

bool HasChildren(const Filter& filter) {
  return As<AndNode>(filter) != nullptr || As<OrNode>(filter) != nullptr ||
         As<NotNode>(filter) != nullptr || As<MinShouldNode>(filter) != nullptr;
}

void AppendFilter(const Filter& filter, std::string& out) { std::visit(Printer{out}, filter.node); }

}  // namespace

std::string ToJson(const Filter& filter) {
  std::string out;
  if (HasChildren(filter)) {
    AppendFilter(filter, out);
  } else {
    // The top of a filter has must, should or must_not; readers of this JSON elsewhere insist.
    AppendAnd({filter}, out);
  }
  return out;
}

}  // namespace perigee
