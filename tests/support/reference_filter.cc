// SPDX-License-Identifier: Apache-2.0
#include "tests/support/reference_filter.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "storage/foundation/check.h"

namespace perigee::tests {
namespace {

using Values = std::vector<const PayloadValue*>;

struct Step {
  std::string key;
  size_t arrays = 0;  // how often [] follows
};

// key { "[]" } { "." key { "[]" } }; a key in double quotes may hold anything, a quote as "".
std::vector<Step> Steps(std::string_view path) {
  std::vector<Step> steps;
  while (!path.empty()) {
    Step step;
    if (path.front() == '"') {
      for (path.remove_prefix(1); !path.empty(); path.remove_prefix(1)) {
        if (path.front() == '"') {
          path.remove_prefix(1);
          if (path.empty() || path.front() != '"') {
            break;
          }
        }
        step.key += path.front();
      }
    } else {
      step.key = std::string(path.substr(0, path.find_first_of(".[")));
      path.remove_prefix(step.key.size());
    }
    for (; path.substr(0, 2) == "[]"; path.remove_prefix(2)) {
      ++step.arrays;
    }
    steps.push_back(std::move(step));
    path.remove_prefix(path.substr(0, 1) == "." ? 1 : 0);
  }
  return steps;
}

// Elements in place of the arrays that hold them; other values stay.
Values Entered(const Values& values) {
  Values entered;
  for (const PayloadValue* value : values) {
    if (const auto* array = value->As<PayloadArray>()) {
      for (const PayloadValue& element : *array) {
        entered.push_back(&element);
      }
    } else {
      entered.push_back(value);
    }
  }
  return entered;
}

// What the path reaches, an array at its end as a whole: emptiness and counts are about that.
Values Reached(const Payload& payload, std::string_view path) {
  const std::vector<Step> steps = Steps(path);
  Values values;
  if (const PayloadValue* member = FindMember(payload, steps.front().key)) {
    values.push_back(member);
  }
  for (size_t i = 0; i < steps.size(); ++i) {
    const bool last = i + 1 == steps.size();
    // One array is entered without [] being written.
    const size_t levels = std::max<size_t>(steps[i].arrays, 1);
    for (size_t level = last ? 1 : 0; level < levels; ++level) {
      values = Entered(values);
    }
    if (last) {
      break;
    }
    Values members;
    for (const PayloadValue* value : values) {
      const auto* object = value->As<PayloadObject>();
      const PayloadValue* member =
          object == nullptr ? nullptr : FindMember(*object, steps[i + 1].key);
      if (member != nullptr) {
        members.push_back(member);
      }
    }
    values = members;
  }
  return values;
}

// What a comparison looks at.
Values Elements(const Payload& payload, std::string_view path) {
  return Entered(Reached(payload, path));
}

std::optional<long double> Number(const PayloadValue& value) {
  // long double has 64 bits of mantissa on x86-64: i64, u64 and double are all exact in it.
  if (const auto* i = value.As<int64_t>()) {
    return static_cast<long double>(*i);
  }
  if (const auto* u = value.As<uint64_t>()) {
    return static_cast<long double>(*u);
  }
  if (const auto* d = value.As<double>()) {
    return static_cast<long double>(*d);
  }
  return std::nullopt;
}

// 0 stands for a digit, T for the letter in either case or a blank.
bool Fits(std::string_view text, std::string_view pattern) {
  return std::equal(text.begin(), text.end(), pattern.begin(), pattern.end(), [](char c, char p) {
    if (p == '0') {
      return c >= '0' && c <= '9';
    }
    return p == 'T' ? c == 'T' || c == 't' || c == ' ' : c == p;
  });
}

int Digits(std::string_view text, size_t offset, size_t count) {
  return std::stoi(std::string(text.substr(offset, count)));
}

// Minutes east of UTC.
std::optional<int> Offset(std::string_view text) {
  if (text.empty() || text == "Z" || text == "z") {
    return 0;
  }
  if (!(Fits(text, "+00:00") || Fits(text, "-00:00")) || Digits(text, 1, 2) > 23 ||
      Digits(text, 4, 2) > 59) {
    return std::nullopt;
  }
  const int minutes = Digits(text, 1, 2) * 60 + Digits(text, 4, 2);
  return text[0] == '-' ? -minutes : minutes;
}

// Nanoseconds since 1970; 128 bits, since years 0 to 9999 need more than 64.
std::optional<__int128> Moment(const PayloadValue& value) {
  const auto* string = value.As<std::string>();
  if (string == nullptr || !Fits(std::string_view(*string).substr(0, 10), "0000-00-00")) {
    return std::nullopt;
  }
  std::string_view text = *string;
  const std::chrono::year_month_day date(
      std::chrono::year(Digits(text, 0, 4)),
      std::chrono::month(static_cast<unsigned>(Digits(text, 5, 2))),
      std::chrono::day(static_cast<unsigned>(Digits(text, 8, 2))));
  if (!date.ok()) {
    return std::nullopt;
  }
  __int128 seconds = __int128{std::chrono::sys_days(date).time_since_epoch().count()} * 86400;
  text.remove_prefix(10);
  if (text.empty()) {
    return seconds * 1'000'000'000;
  }
  if (!Fits(text.substr(0, 9), "T00:00:00") || Digits(text, 1, 2) > 23 || Digits(text, 4, 2) > 59 ||
      Digits(text, 7, 2) > 60) {
    return std::nullopt;
  }
  seconds += Digits(text, 1, 2) * 3600 + Digits(text, 4, 2) * 60 + Digits(text, 7, 2);
  text.remove_prefix(9);
  std::string nanos;
  if (text.substr(0, 1) == ".") {
    nanos = text.substr(1, std::min(text.find_first_not_of("0123456789", 1), text.size()) - 1);
    if (nanos.empty() || nanos.size() > 9) {
      return std::nullopt;
    }
    text.remove_prefix(1 + nanos.size());
  }
  nanos.resize(9, '0');
  const std::optional<int> offset = Offset(text);
  if (!offset.has_value()) {
    return std::nullopt;
  }
  return (seconds - *offset * 60) * 1'000'000'000 + std::stoi(nanos);
}

bool Equal(const PayloadValue& a, const PayloadValue& b) {
  const auto x = Number(a);
  const auto y = Number(b);
  if (x.has_value() || y.has_value()) {
    return x.has_value() && y.has_value() && *x == *y;
  }
  return !a.is_null() && a == b;
}

template <typename Order>
bool Between(const PayloadValue& value, const RangeCondition& range, const Order& order) {
  const auto at = order(value);
  return at.has_value() && (!range.lt.has_value() || *at < *order(*range.lt)) &&
         (!range.lte.has_value() || *at <= *order(*range.lte)) &&
         (!range.gt.has_value() || *at > *order(*range.gt)) &&
         (!range.gte.has_value() || *at >= *order(*range.gte));
}

bool Listed(const PayloadValue& value, const std::vector<FilterValue>& values) {
  return std::any_of(values.begin(), values.end(),
                     [&](const FilterValue& listed) { return Equal(value, listed); });
}

bool Holds(const MatchCondition& match, const Point& point) {
  const Values elements = Elements(point.payload, match.path);
  const bool listed = std::any_of(elements.begin(), elements.end(),
                                  [&](const PayloadValue* v) { return Listed(*v, match.values); });
  if (match.kind != MatchCondition::Kind::kExcept) {
    return listed;
  }
  return !listed && std::any_of(elements.begin(), elements.end(),
                                [](const PayloadValue* v) { return !v->is_null(); });
}

bool Holds(const RangeCondition& range, const Point& point) {
  const Values elements = Elements(point.payload, range.path);
  const auto& bound = range.lt.has_value()    ? range.lt
                      : range.lte.has_value() ? range.lte
                      : range.gt.has_value()  ? range.gt
                                              : range.gte;
  PERIGEE_CHECK(bound.has_value());
  const bool moments = bound->As<std::string>() != nullptr;  // all bounds are alike
  return std::any_of(elements.begin(), elements.end(), [&](const PayloadValue* v) {
    return moments ? Between(*v, range, Moment) : Between(*v, range, Number);
  });
}

bool Holds(const HasIdCondition& has, const Point& point) {
  return std::find(has.ids.begin(), has.ids.end(), point.id) != has.ids.end();
}

bool Holds(const IsEmptyCondition& empty, const Point& point) {
  const Values reached = Reached(point.payload, empty.path);
  return std::all_of(reached.begin(), reached.end(), [](const PayloadValue* v) {
    const auto* array = v->As<PayloadArray>();
    return v->is_null() || (array != nullptr && array->empty());
  });
}

bool Holds(const IsNullCondition& null, const Point& point) {
  const Values elements = Elements(point.payload, null.path);
  return std::any_of(elements.begin(), elements.end(),
                     [](const PayloadValue* v) { return v->is_null(); });
}

bool Holds(const HasVectorCondition& has, const Point& point) {
  return point.vectors.count(has.name) > 0;
}

bool Holds(const ValuesCountCondition& condition, const Point& point) {
  const Values reached = Reached(point.payload, condition.path);
  const auto fits = [&](uint64_t count) {
    return (!condition.lt.has_value() || count < *condition.lt) &&
           (!condition.lte.has_value() || count <= *condition.lte) &&
           (!condition.gt.has_value() || count > *condition.gt) &&
           (!condition.gte.has_value() || count >= *condition.gte);
  };
  if (reached.empty()) {
    return fits(0);
  }
  return std::any_of(reached.begin(), reached.end(), [&](const PayloadValue* value) {
    const auto* array = value->As<PayloadArray>();
    return fits(array != nullptr ? array->size() : (value->is_null() ? 0 : 1));
  });
}

template <typename Unsupported>
bool Holds(const Unsupported& /*condition*/, const Point& /*point*/) {
  PERIGEE_CHECK(false, "the reference has no such condition");
  return false;
}

size_t CountHolding(const std::vector<Filter>& children, const Point& point) {
  return static_cast<size_t>(
      std::count_if(children.begin(), children.end(),
                    [&](const Filter& child) { return ReferenceMatches(child, point); }));
}

bool Holds(const AndNode& all, const Point& point) {
  return CountHolding(all.children, point) == all.children.size();
}
bool Holds(const OrNode& any, const Point& point) { return CountHolding(any.children, point) > 0; }
bool Holds(const NotNode& negation, const Point& point) {
  return CountHolding(negation.children, point) == 0;
}
bool Holds(const MinShouldNode& at_least, const Point& point) {
  return CountHolding(at_least.children, point) >= at_least.count;
}

}  // namespace

bool ReferenceMatches(const Filter& filter, const Point& point) {
  return std::visit([&](const auto& node) { return Holds(node, point); }, filter.node);
}

}  // namespace perigee::tests
