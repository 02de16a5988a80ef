// SPDX-License-Identifier: Apache-2.0
//
// The evaluator is compared with a second one, which works on decoded values, collects lists where
// the first walks bytes, and compares numbers as long double, which holds all of them exactly.
#include "engine/query/filter_evaluator.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <limits>

#include "engine/payload/payload_codec.h"
#include "tests/engine/document.h"
#include "tests/engine/random_filter.h"
#include "tests/support/test_seed.h"

namespace perigee::engine {
namespace {

static_assert(std::numeric_limits<long double>::digits >= 64);

std::span<const std::byte> Bytes(const std::string& text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

CollectionSchema Schema() {
  CollectionSchema schema;
  for (const char* name : {"", "v"}) {
    VectorSchema vector;
    vector.name = name;
    vector.dimension = 2;
    schema.vectors.push_back(vector);
  }
  return schema;
}

struct Row {
  PointId id;
  Payload payload;
  bool has_unnamed = true;
  bool has_v = false;
};

/// Says of a decoded row what docs/filters.md says.
class Oracle {
 public:
  explicit Oracle(const Row& row) : row_(row) {}

  bool Holds(const Filter& filter) const {
    return std::visit([&](const auto& node) { return Is(node); }, filter.node);
  }

 private:
  using Values = std::vector<const PayloadValue*>;

  size_t CountHolding(const std::vector<Filter>& children) const {
    return static_cast<size_t>(std::count_if(children.begin(), children.end(),
                                             [&](const Filter& child) { return Holds(child); }));
  }
  bool Is(const AndNode& node) const { return CountHolding(node.children) == node.children.size(); }
  bool Is(const OrNode& node) const { return CountHolding(node.children) > 0; }
  bool Is(const NotNode& node) const { return CountHolding(node.children) == 0; }
  bool Is(const MinShouldNode& node) const { return CountHolding(node.children) >= node.count; }

  static Values Flattened(const Values& values) {
    Values flat;
    for (const PayloadValue* value : values) {
      if (const auto* array = value->As<PayloadArray>()) {
        for (const PayloadValue& element : *array) flat.push_back(&element);
      } else {
        flat.push_back(value);
      }
    }
    return flat;
  }

  /// What the path reaches, an array at its end as a whole.
  Values Reached(const std::string& path) const {
    const absl::StatusOr<PayloadPath> parsed = PayloadPath::Parse(path);
    REQUIRE(parsed.ok());
    const PayloadValue root = row_.payload;
    root_ = root;
    Values values = {&root_};
    for (size_t i = 0; i < parsed->steps.size(); ++i) {
      const PayloadPath::Step& step = parsed->steps[i];
      Values next;
      for (const PayloadValue* value : values) {
        const auto* object = value->As<PayloadObject>();
        const PayloadValue* member = object == nullptr ? nullptr : FindMember(*object, step.key);
        if (member != nullptr) next.push_back(member);
      }
      const bool last = i + 1 == parsed->steps.size();
      const uint32_t levels = std::max<uint32_t>(step.array_levels, 1) - (last ? 1 : 0);
      for (uint32_t level = 0; level < levels; ++level) next = Flattened(next);
      values = next;
    }
    return values;
  }

  static std::optional<long double> Number(const PayloadValue& value) {
    if (const auto* number = value.As<int64_t>()) return static_cast<long double>(*number);
    if (const auto* number = value.As<uint64_t>()) return static_cast<long double>(*number);
    if (const auto* number = value.As<double>()) return static_cast<long double>(*number);
    return std::nullopt;
  }

  static bool Same(const PayloadValue& a, const PayloadValue& b) {
    if (Number(a).has_value() && Number(b).has_value()) return *Number(a) == *Number(b);
    if (a.As<std::string>() != nullptr || a.As<bool>() != nullptr) return a == b;
    return false;
  }

  bool Is(const MatchCondition& match) const {
    bool listed = false;
    bool exists = false;
    for (const PayloadValue* value : Flattened(Reached(match.path))) {
      exists = exists || !value->is_null();
      for (const FilterValue& literal : match.values) listed = listed || Same(literal, *value);
    }
    return match.kind == MatchCondition::Kind::kExcept ? exists && !listed : listed;
  }

  /// Numbers as they are, date-times of the pool by rank; nothing else has an order.
  static std::optional<long double> Order(const PayloadValue& value, bool moments) {
    if (!moments) return Number(value);
    const auto* text = value.As<std::string>();
    for (const tests::RankedMoment& moment : tests::kMoments) {
      if (text != nullptr && *text == moment.text) return static_cast<long double>(moment.rank);
    }
    return std::nullopt;
  }

  bool Is(const RangeCondition& range) const {
    bool moments = false;
    for (const auto* bound : {&range.lt, &range.lte, &range.gt, &range.gte}) {
      moments = moments || (bound->has_value() && (*bound)->As<std::string>() != nullptr);
    }
    for (const PayloadValue* value : Flattened(Reached(range.path))) {
      const std::optional<long double> v = Order(*value, moments);
      if (!v.has_value()) continue;
      if ((!range.lt || *v < *Order(*range.lt, moments)) &&
          (!range.lte || *v <= *Order(*range.lte, moments)) &&
          (!range.gt || *v > *Order(*range.gt, moments)) &&
          (!range.gte || *v >= *Order(*range.gte, moments))) {
        return true;
      }
    }
    return false;
  }

  bool Is(const HasIdCondition& has_id) const {
    return std::find(has_id.ids.begin(), has_id.ids.end(), row_.id) != has_id.ids.end();
  }

  bool Is(const IsEmptyCondition& is_empty) const {
    const Values values = Reached(is_empty.path);
    return std::all_of(values.begin(), values.end(), [](const PayloadValue* value) {
      return value->is_null() || *value == PayloadValue(PayloadArray());
    });
  }

  bool Is(const IsNullCondition& is_null) const {
    const Values values = Flattened(Reached(is_null.path));
    return std::any_of(values.begin(), values.end(),
                       [](const PayloadValue* value) { return value->is_null(); });
  }

  bool Is(const ValuesCountCondition& count) const {
    std::vector<uint64_t> counts;
    for (const PayloadValue* value : Reached(count.path)) {
      const auto* array = value->As<PayloadArray>();
      counts.push_back(array != nullptr ? array->size() : value->is_null() ? 0 : 1);
    }
    if (counts.empty()) counts.push_back(0);
    return std::any_of(counts.begin(), counts.end(), [&](uint64_t n) {
      return (!count.lt || n < *count.lt) && (!count.lte || n <= *count.lte) &&
             (!count.gt || n > *count.gt) && (!count.gte || n >= *count.gte);
    });
  }

  bool Is(const HasVectorCondition& has_vector) const {
    return has_vector.name.empty() ? row_.has_unnamed : row_.has_v;
  }

  template <typename Unsupported>
  bool Is(const Unsupported& /*condition*/) const {
    FAIL("text and geo conditions are not evaluated");
    return false;
  }

  const Row& row_;
  mutable PayloadValue root_;
};

struct EncodedRow {
  explicit EncodedRow(const Row& row)
      : id(row.id.Encode()),
        payload(EncodePayload(row.payload)),
        bits((row.has_unnamed ? 1U : 0U) | (row.has_v ? 2U : 0U)) {}

  FilterRow view() const {
    return {.encoded_id = id, .payload = Bytes(payload), .vector_presence_bits = bits};
  }

  std::string id;
  std::string payload;
  uint32_t bits;
};

BoundFilter Bound(const Filter& filter) {
  absl::StatusOr<BoundFilter> bound = BindFilter(filter, Schema());
  INFO(bound.status().ToString());
  REQUIRE(bound.ok());
  return *std::move(bound);
}

Row RandomRow(tests::RandomFilter& random) {
  Row row;
  row.id = random.Id();
  row.payload = random.NextPayload();
  row.has_unnamed = random.Chance(50);
  row.has_v = random.Chance(50);
  return row;
}

TEST_CASE("the examples of the documentation hold") {
  const auto rows = tests::TableRows("docs/filters.md", 3);
  CHECK(rows.size() >= 25);
  for (const auto& cells : rows) {
    CAPTURE(cells[0]);
    CAPTURE(cells[1]);
    const absl::StatusOr<Filter> filter = ParseFilterText(cells[0]);
    REQUIRE(filter.ok());
    Row row;
    row.id = 1;
    row.payload = *ParsePayloadJson(cells[1]);
    CHECK(Matches(Bound(*filter), EncodedRow(row).view()) == (cells[2] == "yes"));
  }
}

TEST_CASE("random filters on random rows agree with the second evaluator") {
  const uint64_t seed = tests::TestSeed(60);
  INFO("PERIGEE_TEST_SEED=" << seed);
  tests::RandomFilter random(seed);
  std::vector<Row> rows;
  for (int i = 0; i < 40; ++i) rows.push_back(RandomRow(random));
  size_t matches = 0;
  size_t tests = 0;
  for (size_t i = 0; i < 3'000; ++i) {
    const Filter filter = random.Next(i % 3 == 0 ? 1 : 1 + i % 8);
    const BoundFilter bound = Bound(filter);
    rows[i % rows.size()] = RandomRow(random);
    for (const Row& row : rows) {
      const bool expected = Oracle(row).Holds(filter);
      const bool actual = Matches(bound, EncodedRow(row).view());
      ++tests;
      matches += expected ? 1 : 0;
      if (actual != expected) {
        FAIL_CHECK(ToText(filter), " on ", ToJson(row.payload), ": expected ", expected);
      }
    }
  }
  // Neither answer may be rare, or the comparison would say little.
  CHECK(matches > tests / 10);
  CHECK(matches < tests * 9 / 10);
}

TEST_CASE("NOT is the complement") {
  const uint64_t seed = tests::TestSeed(61);
  INFO("PERIGEE_TEST_SEED=" << seed);
  tests::RandomFilter random(seed);
  for (int i = 0; i < 2'000; ++i) {
    const Filter filter = random.Next(3);
    const EncodedRow row(RandomRow(random));
    CHECK(Matches(Bound(filter), row.view()) != Matches(Bound({NotNode{{filter}}}), row.view()));
  }
}

TEST_CASE("damaged payloads are never read past their end") {
  const uint64_t seed = tests::TestSeed(62);
  INFO("PERIGEE_TEST_SEED=" << seed);
  tests::RandomFilter random(seed);
  size_t evaluated = 0;
  for (int i = 0; i < 60; ++i) {
    const std::vector<BoundFilter> filters = {Bound(random.Next(4)), Bound(random.Next(4))};
    const EncodedRow row(RandomRow(random));
    const auto evaluate = [&](const std::string& payload) {
      // A copy of its own size, so that a sanitizer sees the byte behind the end.
      const std::vector<char> exact(payload.begin(), payload.end());
      FilterRow view = row.view();
      view.payload = std::as_bytes(std::span(exact.data(), exact.size()));
      for (const BoundFilter& filter : filters) {
        Matches(filter, view);
        ++evaluated;
      }
    };
    for (size_t size = 0; size <= row.payload.size(); ++size) evaluate(row.payload.substr(0, size));
    for (size_t bit = 0; bit < row.payload.size() * 8; ++bit) {
      std::string flipped = row.payload;
      flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ static_cast<char>(1U << (bit % 8)));
      evaluate(flipped);
    }
  }
  CHECK(evaluated > 1'000);
}

}  // namespace
}  // namespace perigee::engine
