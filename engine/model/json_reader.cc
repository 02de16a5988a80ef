// SPDX-License-Identifier: Apache-2.0
#include "engine/model/json_reader.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "engine/model/payload_measure.h"
#include "engine/model/utf8.h"
#include "engine/model/validation_error.h"
#include "perigee/model/limits.h"
#include "storage/foundation/string_view_bridge.h"

namespace perigee {
namespace {

/// Walks the text and tells how far the lexer has come, which the SAX interface does not.
class CountingIterator {
 public:
  using iterator_category = std::forward_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  CountingIterator() = default;
  CountingIterator(const char* at, size_t* consumed) : at_(at), consumed_(consumed) {}

  reference operator*() const { return *at_; }
  CountingIterator& operator++() {
    ++at_;
    ++*consumed_;
    return *this;
  }
  CountingIterator operator++(int) {
    CountingIterator before = *this;
    ++*this;
    return before;
  }
  friend bool operator==(const CountingIterator& a, const CountingIterator& b) {
    return a.at_ == b.at_;
  }

 private:
  const char* at_ = nullptr;
  size_t* consumed_ = nullptr;
};

/// The library's explanation without its prefix and without the raw bytes of the last token, which
/// may be anything.
std::string Explanation(std::string_view what) {
  for (const std::string_view prefix : {"] ", ": ", " - "}) {
    if (const size_t at = what.find(prefix); at != std::string_view::npos) {
      what.remove_prefix(at + prefix.size());
    }
  }
  std::string explanation(what.substr(0, what.find("; last read")));
  if (const size_t at = what.rfind("; expected"); at != std::string_view::npos) {
    if (explanation.size() <= at) explanation += what.substr(at);
  }
  return IsValidUtf8(explanation) ? explanation : "syntax error";
}

/// Receives the events of nlohmann's parser, which keeps its nesting on the heap.
class Builder {
 public:
  Builder(const JsonLimits& limits, std::string_view what, const size_t* consumed)
      : limits_(limits), what_(what), consumed_(consumed) {}

  bool null() { return Put(PayloadValue(), kStoredTagBytes); }
  bool boolean(bool value) { return Put(PayloadValue(value), kStoredTagBytes); }
  bool number_integer(int64_t value) { return Put(PayloadValue(value), kStoredNumberBytes); }
  bool number_unsigned(uint64_t value) { return Put(PayloadValue(value), kStoredNumberBytes); }

  bool number_float(double value, const std::string& literal) {
    // The library falls back to double when an integer does not fit; we would rather not round it.
    if (std::all_of(literal.begin(), literal.end(),
                    [](char c) { return c == '-' || (c >= '0' && c <= '9'); })) {
      return Fail(InvalidError(Where(), "integer ", literal.substr(0, 40),
                               " does not fit 64 bits; integers are -9223372036854775808 to "
                               "18446744073709551615; write it as a string or with a fraction"));
    }
    if (!std::isfinite(value)) {
      return Fail(InvalidError(Where(), "number ", literal.substr(0, 40), " is out of range"));
    }
    return Put(PayloadValue(value), kStoredNumberBytes);
  }

  bool string(std::string& value) {
    if (value.size() > limits_.string_bytes_max) {
      return Fail(LimitError(Where(), "string of ", value.size(), " bytes; the limit is ",
                             limits_.string_bytes_max));
    }
    const size_t bytes = kStoredStringBytes + value.size();
    return Put(PayloadValue(std::move(value)), bytes);
  }

  bool start_object(size_t /*elements*/) { return Open(PayloadValue(PayloadObject())); }
  bool start_array(size_t /*elements*/) { return Open(PayloadValue(PayloadArray())); }
  bool end_object() { return Close(); }
  bool end_array() { return Close(); }

  bool key(std::string& key) {
    if (key.size() > limits_.key_bytes_max) {
      return Fail(LimitError(Where(), "key ", QuoteForMessage(key), " has ", key.size(),
                             " bytes; the limit is ", limits_.key_bytes_max));
    }
    if (++keys_ > limits_.keys_max) {
      return Fail(LimitError(Where(), "more than ", limits_.keys_max, " keys, which is the limit"));
    }
    auto* object = std::get_if<PayloadObject>(&open_.back().variant());
    if (FindMember(*object, key) != nullptr) {
      return Fail(InvalidError(Where(), "key ", QuoteForMessage(key),
                               " occurs twice in one object; remove one"));
    }
    if (!Count(kStoredKeyBytes + key.size())) return false;
    object->emplace_back(std::move(key), PayloadValue());
    return true;
  }

  bool binary(nlohmann::json::binary_t& /*value*/) { return false; }  // text never has it

  bool parse_error(size_t position, const std::string& /*token*/,
                   const nlohmann::json::exception& error) {
    // `position` counts characters read, the offending one (or the end) included.
    stopped_at_ = position == 0 ? 0 : position - 1;
    return Fail(InvalidError(Where(), Explanation(error.what())));
  }

  absl::Status error() const {
    return error_.ok() ? InvalidError(Where(), "syntax error") : error_;
  }
  PayloadValue TakeRoot() { return std::move(root_); }

 private:
  std::string Where() const {
    return absl::StrCat(Absl(what_), " at byte ", stopped_at_.value_or(*consumed_), ": ");
  }

  bool Fail(absl::Status status) {
    error_ = std::move(status);
    return false;
  }

  bool Count(size_t bytes) {
    stored_bytes_ += bytes;
    if (stored_bytes_ <= limits_.stored_bytes_max) return true;
    return Fail(LimitError(Where(), "more than ", limits_.stored_bytes_max,
                           " bytes when stored, which is the limit"));
  }

  bool Put(PayloadValue value, size_t bytes) {
    if (!Count(bytes)) return false;
    if (open_.empty()) {
      root_ = std::move(value);
    } else if (auto* array = std::get_if<PayloadArray>(&open_.back().variant())) {
      array->push_back(std::move(value));
    } else {
      std::get_if<PayloadObject>(&open_.back().variant())->back().second = std::move(value);
    }
    return true;
  }

  bool Open(PayloadValue container) {
    if (open_.size() >= limits_.depth_max) {
      return Fail(LimitError(Where(), "nested deeper than ", limits_.depth_max,
                             " levels, which is the limit"));
    }
    if (!Count(kStoredContainerBytes)) return false;
    open_.push_back(std::move(container));
    return true;
  }

  bool Close() {
    PayloadValue container = std::move(open_.back());
    open_.pop_back();
    return Put(std::move(container), 0);
  }

  const JsonLimits& limits_;
  std::string_view what_;
  const size_t* consumed_;
  std::optional<size_t> stopped_at_;
  std::vector<PayloadValue> open_;  // the containers around the next value
  PayloadValue root_;
  size_t keys_ = 0;
  size_t stored_bytes_ = 0;
  absl::Status error_;
};

}  // namespace

JsonLimits PayloadJsonLimits() {
  return {.text_bytes_max = 4 * limits::kPayloadBytesMax,  // room for white space and escapes
          .depth_max = limits::kPayloadDepthMax,
          .keys_max = limits::kPayloadKeysMax,
          .key_bytes_max = limits::kPayloadKeyBytesMax,
          .string_bytes_max = limits::kPayloadStringBytesMax,
          .stored_bytes_max = limits::kPayloadBytesMax};
}

absl::StatusOr<PayloadValue> ReadJson(std::string_view text, const JsonLimits& limits,
                                      std::string_view what) {
  if (text.size() > limits.text_bytes_max) {
    return LimitError(Absl(what), " has ", text.size(), " bytes; the limit is ",
                      limits.text_bytes_max);
  }
  // The library takes a NUL for the end of the text and would ignore what follows.
  if (const size_t nul = text.find('\0'); nul != std::string_view::npos) {
    return InvalidError(Absl(what), " at byte ", nul,
                        ": a NUL byte; inside a string write \\u0000");
  }
  size_t consumed = 0;
  Builder builder(limits, what, &consumed);
  const CountingIterator begin(text.data(), &consumed);
  const CountingIterator end(text.data() + text.size(), &consumed);
  if (!nlohmann::json::sax_parse(begin, end, &builder)) return builder.error();
  return builder.TakeRoot();
}

}  // namespace perigee
