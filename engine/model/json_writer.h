// SPDX-License-Identifier: Apache-2.0
//
// PayloadValues and pieces of JSON to text: compact, keys in stored order, numbers so that reading
// them back gives the same type and the same bits.
//
// Invariants:
//  1. Doubles are the shortest text that reads back to the same bits; an integral one keeps a ".0"
//     or an exponent, so that it stays a double.
//  2. Strings are written as UTF-8; only ", \ and control characters are escaped.
// Thread-safety: functions without state.
#pragma once

#include <string>
#include <string_view>

#include "perigee/model/payload_value.h"

namespace perigee {

void AppendJsonString(std::string_view text, std::string& out);
/// "null" for a value that is not finite: JSON has no word for it, and validation refuses it.
void AppendJsonDouble(double value, std::string& out);
void AppendJson(const PayloadValue& value, std::string& out);
void AppendJson(const PayloadObject& object, std::string& out);

}  // namespace perigee
