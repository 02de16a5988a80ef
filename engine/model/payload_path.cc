// SPDX-License-Identifier: Apache-2.0
#include "engine/model/payload_path.h"

#include <algorithm>
#include <utility>

#include "engine/model/utf8.h"
#include "engine/model/validation_error.h"
#include "perigee/model/limits.h"
#include "storage/foundation/status_macros.h"

namespace perigee {
namespace {

class PathParser {
 public:
  explicit PathParser(std::string_view text) : text_(text) {}

  absl::StatusOr<PayloadPath> Run() {
    PayloadPath path;
    do {
      PayloadPath::Step step;
      PERIGEE_ASSIGN_OR_RETURN(step.key, Key());
      for (; Next() == '['; ++step.array_levels) {
        if (text_.substr(offset_, 2) != "[]") {
          return Error("expected [] (all elements); single positions cannot be asked for");
        }
        offset_ += 2;
      }
      path.steps.push_back(std::move(step));
      if (offset_ < text_.size() && Next() != '.') {
        return Error("expected a dot, [] or the end");
      }
    } while (offset_++ < text_.size());
    return path;
  }

 private:
  char Next() const { return offset_ < text_.size() ? text_[offset_] : '\0'; }

  absl::StatusOr<std::string> Key() {
    if (Next() == '"') return QuotedKey();
    const size_t end = std::min(text_.find_first_of(".[]\"", offset_), text_.size());
    if (end == offset_) return Error("expected a key; keys with . [ ] or \" stand in quotes");
    std::string key(text_.substr(offset_, end - offset_));
    offset_ = end;
    return key;
  }

  absl::StatusOr<std::string> QuotedKey() {
    std::string key;
    for (++offset_; offset_ < text_.size(); ++offset_) {
      if (text_[offset_] == '"') {
        ++offset_;
        if (Next() != '"') return key;
      }
      key += text_[offset_];
    }
    return Error("expected a closing quote");
  }

  absl::Status Error(std::string_view expected) const {
    return InvalidError("path ", QuoteForMessage(text_), " at byte ", offset_, ": ",
                        std::string(expected));
  }

  std::string_view text_;
  size_t offset_ = 0;
};

}  // namespace

absl::StatusOr<PayloadPath> PayloadPath::Parse(std::string_view text) {
  if (text.empty()) return InvalidError("path is empty; name a key such as lang or meta.year");
  if (text.size() > limits::kPathBytesMax) {
    return LimitError("path ", QuoteForMessage(text), " has ", text.size(), " bytes; the limit is ",
                      limits::kPathBytesMax);
  }
  if (const size_t offset = FindInvalidUtf8(text); offset != text.size()) {
    return InvalidError("path ", QuoteForMessage(text), " is not valid UTF-8 at byte ", offset);
  }
  PERIGEE_ASSIGN_OR_RETURN(PayloadPath path, PathParser(text).Run());
  size_t depth = 0;
  for (const Step& step : path.steps) depth += 1 + step.array_levels;
  if (depth > limits::kPayloadDepthMax) {
    return LimitError("path ", QuoteForMessage(text), " is deeper than ", limits::kPayloadDepthMax,
                      " levels, which no payload is");
  }
  return path;
}

std::string PayloadPath::Canonical() const {
  std::string text;
  for (const Step& step : steps) {
    if (!text.empty()) text += '.';
    text += IsPlainPathKey(step.key) ? step.key : QuotePathKey(step.key);
    for (uint32_t i = 0; i < step.array_levels; ++i) text += "[]";
  }
  return text;
}

bool IsPlainPathKey(std::string_view key) {
  return !key.empty() && key.find_first_of(".[]\"") == std::string_view::npos;
}

std::string QuotePathKey(std::string_view key) {
  std::string quoted = "\"";
  for (const char c : key) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  quoted += '"';
  return quoted;
}

}  // namespace perigee
