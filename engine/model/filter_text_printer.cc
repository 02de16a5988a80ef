// SPDX-License-Identifier: Apache-2.0
#include "absl/strings/str_cat.h"
#include "engine/model/filter_text_lexer.h"
#include "engine/model/json_writer.h"
#include "engine/model/payload_path.h"
#include "perigee/model/filter.h"
#include "storage/foundation/string_view_bridge.h"

namespace perigee {
namespace {

/// What may stand around a node without parentheses.
enum class Place { kTop, kInOr, kInAnd, kInNot };

void AppendString(std::string_view text, std::string& out) {
  out += '\'';
  for (const char c : text) {
    if (c == '\'') out += '\'';
    out += c;
  }
  out += '\'';
}

void AppendValue(const FilterValue& value, std::string& out) {
  if (const auto* text = value.As<std::string>()) {
    AppendString(*text, out);
  } else {
    AppendJson(value, out);  // numbers, true and false are spelt alike
  }
}

void AppendPath(const std::string& text, std::string& out) {
  const absl::StatusOr<PayloadPath> path = PayloadPath::Parse(text);
  if (!path.ok()) {  // only in a filter that Validate refuses
    out += QuotePathKey(text);
    return;
  }
  bool first = true;
  for (const PayloadPath::Step& step : path->steps) {
    // Behind a dot a key may begin with a digit or a dash, and no word is reserved.
    const bool plain = first ? IsTextPathKey(step.key) : IsTextPathKey("_" + step.key);
    const bool alone = path->steps.size() == 1 && step.array_levels == 0;
    const bool quoted = !plain || step.key.empty() || (alone && IsReservedFilterWord(step.key));
    if (!first) out += '.';
    out += quoted ? QuotePathKey(step.key) : step.key;
    for (uint32_t i = 0; i < step.array_levels; ++i) out += "[]";
    first = false;
  }
}

void AppendFilter(const Filter& filter, Place place, std::string& out);

void AppendBound(const FilterValue& value, std::string& out) { AppendValue(value, out); }
void AppendBound(uint64_t value, std::string& out) { absl::StrAppend(&out, value); }

/// Bounds of a range or a count, whose subject `append_subject` writes.
template <typename Condition, typename AppendSubject>
void AppendBounds(const Condition& condition, const AppendSubject& append_subject,
                  std::string& out) {
  const std::pair<std::string_view, decltype(&condition.lt)> bounds[] = {
      {">", &condition.gt}, {">=", &condition.gte}, {"<", &condition.lt}, {"<=", &condition.lte}};
  int set = 0;
  for (const auto& [symbol, bound] : bounds) set += bound->has_value() ? 1 : 0;
  if (set == 2 && condition.gte.has_value() && condition.lte.has_value()) {
    append_subject();
    out += " BETWEEN ";
    AppendBound(*condition.gte, out);
    out += " AND ";
    AppendBound(*condition.lte, out);
    return;
  }
  if (set != 1) out += "RANGE(";
  append_subject();
  for (const auto& [symbol, bound] : bounds) {
    if (!bound->has_value()) continue;
    absl::StrAppend(&out, set == 1 ? " " : ", ", Absl(symbol), " ");
    AppendBound(**bound, out);
  }
  if (set != 1) out += ')';
}

struct Printer {
  Place place;
  std::string& out;

  void operator()(const AndNode& node) const {
    if (node.children.empty()) {
      out += "TRUE";
    } else {
      Joined(node.children, " AND ", Place::kInAnd,
             place == Place::kInAnd || place == Place::kInNot);
    }
  }

  void operator()(const OrNode& node) const {
    if (node.children.empty()) {
      out += "FALSE";
    } else {
      Joined(node.children, " OR ", Place::kInOr, place != Place::kTop);
    }
  }

  void operator()(const NotNode& node) const {
    out += "NOT ";
    AppendFilter(node.children.at(0), Place::kInNot, out);
  }

  void operator()(const MinShouldNode& node) const {
    absl::StrAppend(&out, "AT LEAST ", node.count, " OF (");
    for (size_t i = 0; i < node.children.size(); ++i) {
      if (i > 0) out += ", ";
      AppendFilter(node.children[i], Place::kTop, out);
    }
    out += ')';
  }

  void operator()(const MatchCondition& match) const {
    AppendPath(match.path, out);
    if (match.kind == MatchCondition::Kind::kValue && match.values.size() == 1) {
      out += " = ";
      AppendValue(match.values[0], out);
    } else if (match.kind == MatchCondition::Kind::kExcept && match.values.size() == 1) {
      out += " != ";
      AppendValue(match.values[0], out);
    } else {
      out += match.kind == MatchCondition::Kind::kExcept ? " EXCEPT " : " IN ";
      List(match.values, [&](const FilterValue& value) { AppendValue(value, out); });
    }
  }

  void operator()(const TextCondition& text) const {
    AppendPath(text.path, out);
    out += " MATCH ";
    AppendString(text.text, out);
  }

  void operator()(const RangeCondition& range) const {
    AppendBounds(
        range, [&] { AppendPath(range.path, out); }, out);
  }

  void operator()(const GeoRadiusCondition& geo) const {
    out += "GEO_RADIUS(";
    AppendPath(geo.path, out);
    Numbers({geo.center.latitude, geo.center.longitude, geo.radius_m});
  }

  void operator()(const GeoBoxCondition& geo) const {
    out += "GEO_BOX(";
    AppendPath(geo.path, out);
    Numbers({geo.top_left.latitude, geo.top_left.longitude, geo.bottom_right.latitude,
             geo.bottom_right.longitude});
  }

  void operator()(const HasIdCondition& has_id) const {
    out += "HAS_ID";
    List(has_id.ids, [&](const PointId& id) {
      if (id.is_integer()) {
        absl::StrAppend(&out, id.integer());
      } else {
        AppendString(id.string(), out);
      }
    });
  }

  void operator()(const IsEmptyCondition& is_empty) const {
    AppendPath(is_empty.path, out);
    out += " IS EMPTY";
  }

  void operator()(const IsNullCondition& is_null) const {
    AppendPath(is_null.path, out);
    out += " IS NULL";
  }

  void operator()(const ValuesCountCondition& count) const {
    const auto subject = [&] {
      out += "COUNT(";
      AppendPath(count.path, out);
      out += ')';
    };
    if (count.gte.has_value() && count.gte == count.lte && !count.lt && !count.gt) {
      subject();
      absl::StrAppend(&out, " = ", *count.gte);
    } else {
      AppendBounds(count, subject, out);
    }
  }

  void operator()(const HasVectorCondition& has_vector) const {
    out += "HAS_VECTOR(";
    AppendString(has_vector.name, out);
    out += ')';
  }

 private:
  void Joined(const std::vector<Filter>& children, std::string_view word, Place inner,
              bool parentheses) const {
    if (children.size() == 1) {  // means its child
      AppendFilter(children[0], place, out);
      return;
    }
    if (parentheses) out += '(';
    for (size_t i = 0; i < children.size(); ++i) {
      if (i > 0) out += word;
      AppendFilter(children[i], inner, out);
    }
    if (parentheses) out += ')';
  }

  template <typename Items, typename AppendItem>
  void List(const Items& items, const AppendItem& append_item) const {
    out += '(';
    for (size_t i = 0; i < items.size(); ++i) {
      if (i > 0) out += ", ";
      append_item(items[i]);
    }
    out += ')';
  }

  void Numbers(std::initializer_list<double> numbers) const {
    for (const double number : numbers) {
      out += ", ";
      AppendJsonDouble(number, out);
    }
    out += ')';
  }
};

void AppendFilter(const Filter& filter, Place place, std::string& out) {
  std::visit(Printer{place, out}, filter.node);
}

}  // namespace

std::string ToText(const Filter& filter) {
  std::string out;
  AppendFilter(filter, Place::kTop, out);
  return out;
}

}  // namespace perigee
