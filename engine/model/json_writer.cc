// SPDX-License-Identifier: Apache-2.0
#include "engine/model/json_writer.h"

#include <array>
#include <charconv>
#include <cmath>
#include <variant>

#include "absl/strings/str_cat.h"

namespace perigee {
namespace {

struct Writer {
  std::string& out;

  void operator()(std::monostate /*null*/) const { out += "null"; }
  void operator()(bool value) const { out += value ? "true" : "false"; }
  void operator()(int64_t value) const { absl::StrAppend(&out, value); }
  void operator()(uint64_t value) const { absl::StrAppend(&out, value); }
  void operator()(double value) const { AppendJsonDouble(value, out); }
  void operator()(const std::string& text) const { AppendJsonString(text, out); }
  void operator()(const PayloadArray& array) const {
    out += '[';
    for (size_t i = 0; i < array.size(); ++i) {
      if (i > 0) out += ',';
      AppendJson(array[i], out);
    }
    out += ']';
  }
  void operator()(const PayloadObject& object) const {
    out += '{';
    for (size_t i = 0; i < object.size(); ++i) {
      if (i > 0) out += ',';
      AppendJsonString(object[i].first, out);
      out += ':';
      AppendJson(object[i].second, out);
    }
    out += '}';
  }
};

}  // namespace

void AppendJsonString(std::string_view text, std::string& out) {
  constexpr char kHex[] = "0123456789abcdef";
  out += '"';
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\r') {
      out += "\\r";
    } else if (c == '\t') {
      out += "\\t";
    } else if (byte < 0x20) {
      out += "\\u00";
      out += kHex[byte >> 4U];
      out += kHex[byte & 0xFU];
    } else {
      out += c;
    }
  }
  out += '"';
}

void AppendJsonDouble(double value, std::string& out) {
  if (!std::isfinite(value)) {
    out += "null";
    return;
  }
  // Plain digits where people would write them, an exponent elsewhere; both are shortest.
  const double magnitude = std::fabs(value);
  const bool plain = magnitude == 0 || (magnitude >= 1e-5 && magnitude < 1e16);
  std::array<char, 64> text;
  const std::to_chars_result result =
      std::to_chars(text.data(), text.data() + text.size(), value,
                    plain ? std::chars_format::fixed : std::chars_format::scientific);
  const std::string_view digits(text.data(), static_cast<size_t>(result.ptr - text.data()));
  out += digits;
  if (digits.find_first_of(".e") == std::string_view::npos) out += ".0";
}

void AppendJson(const PayloadValue& value, std::string& out) {
  std::visit(Writer{out}, value.variant());
}

void AppendJson(const PayloadObject& object, std::string& out) { Writer{out}(object); }

}  // namespace perigee
