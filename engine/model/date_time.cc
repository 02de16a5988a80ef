// SPDX-License-Identifier: Apache-2.0
#include "engine/model/date_time.h"

#include <cstddef>

namespace perigee {
namespace {

constexpr int64_t kSecondsPerDay = 86'400;

/// Reads fixed-width fields from the front of a text.
class FieldReader {
 public:
  explicit FieldReader(std::string_view text) : text_(text) {}

  bool done() const { return text_.empty(); }
  char next() const { return text_.empty() ? '\0' : text_[0]; }

  bool Digits(size_t count, int& value) {
    if (text_.size() < count) return false;
    value = 0;
    for (size_t i = 0; i < count; ++i) {
      if (text_[i] < '0' || text_[i] > '9') return false;
      value = value * 10 + (text_[i] - '0');
    }
    text_.remove_prefix(count);
    return true;
  }

  bool Take(char c) {
    if (next() != c || text_.empty()) return false;
    text_.remove_prefix(1);
    return true;
  }

 private:
  std::string_view text_;
};

bool IsLeapYear(int year) { return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0; }

int DaysInMonth(int year, int month) {
  constexpr int kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return kDays[month - 1] + (month == 2 && IsLeapYear(year) ? 1 : 0);
}

/// Days since 1970-01-01 in the proleptic Gregorian calendar (RFC 3339 has years 0 to 9999).
int64_t DaysFromCivil(int year, int month, int day) {
  const int64_t y = year - 1;  // whole years before this one, counted from year 1
  int64_t days = y * 365 + (y >= 0 ? y / 4 - y / 100 + y / 400 : -1);  // year 0 is a leap year
  for (int m = 1; m < month; ++m) days += DaysInMonth(year, m);
  constexpr int64_t kDaysBefore1970 = 719'162;
  return days + day - 1 - kDaysBefore1970;
}

bool ReadDate(FieldReader& in, int64_t& days) {
  int year = 0;
  int month = 0;
  int day = 0;
  if (!in.Digits(4, year) || !in.Take('-') || !in.Digits(2, month) || !in.Take('-') ||
      !in.Digits(2, day)) {
    return false;
  }
  if (month < 1 || month > 12 || day < 1 || day > DaysInMonth(year, month)) return false;
  days = DaysFromCivil(year, month, day);
  return true;
}

bool ReadFraction(FieldReader& in, int32_t& nanos) {
  int32_t unit = 100'000'000;
  int digit = 0;
  if (!in.Digits(1, digit)) return false;
  for (;;) {
    nanos += digit * unit;
    if (in.next() < '0' || in.next() > '9') return true;
    if (unit == 1) return false;  // a tenth digit
    unit /= 10;
    in.Digits(1, digit);
  }
}

bool ReadTime(FieldReader& in, DateTime& time) {
  int hour = 0;
  int minute = 0;
  int second = 0;
  if (!in.Digits(2, hour) || !in.Take(':') || !in.Digits(2, minute) || !in.Take(':') ||
      !in.Digits(2, second)) {
    return false;
  }
  if (hour > 23 || minute > 59 || second > 60) return false;
  time.seconds += hour * 3'600 + minute * 60 + second;
  return !in.Take('.') || ReadFraction(in, time.nanos);
}

/// Z, z, +hh:mm or -hh:mm; nothing is UTC.
bool ReadOffset(FieldReader& in, int64_t& offset_seconds) {
  if (in.done() || in.Take('Z') || in.Take('z')) return true;
  const bool west = in.Take('-');
  if (!west && !in.Take('+')) return false;
  int hour = 0;
  int minute = 0;
  if (!in.Digits(2, hour) || !in.Take(':') || !in.Digits(2, minute)) return false;
  if (hour > 23 || minute > 59) return false;
  offset_seconds = (west ? -1 : 1) * (hour * 3'600 + minute * 60);
  return true;
}

}  // namespace

std::optional<DateTime> ParseDateTime(std::string_view text) {
  FieldReader in(text);
  DateTime time;
  int64_t days = 0;
  if (!ReadDate(in, days)) return std::nullopt;
  time.seconds = days * kSecondsPerDay;
  if (in.done()) return time;
  if (!in.Take('T') && !in.Take('t') && !in.Take(' ')) return std::nullopt;
  int64_t offset_seconds = 0;
  if (!ReadTime(in, time) || !ReadOffset(in, offset_seconds) || !in.done()) return std::nullopt;
  time.seconds -= offset_seconds;
  return time;
}

}  // namespace perigee
