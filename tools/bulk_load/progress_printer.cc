// SPDX-License-Identifier: Apache-2.0
#include "tools/bulk_load/progress_printer.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace perigee::tools {
namespace {

double Seconds(std::chrono::steady_clock::duration duration) {
  return std::chrono::duration<double>(duration).count();
}

double Interval(ProgressStyle style) {
  switch (style) {
    case ProgressStyle::kTerminal:
      return 0.2;
    case ProgressStyle::kLines:
      return 10;
    default:
      return 1;
  }
}

}  // namespace

const char* BulkLoadStageName(BulkLoadStage stage) {
  switch (stage) {
    case BulkLoadStage::kReading:
      return "reading";
    case BulkLoadStage::kBuilding:
      return "building";
    case BulkLoadStage::kVerifying:
      return "verifying";
    case BulkLoadStage::kPublishing:
      return "publishing";
    case BulkLoadStage::kDone:
      return "done";
  }
  return "?";
}

ProgressPrinter::ProgressPrinter(std::ostream& out, ProgressStyle style, Clock clock)
    : out_(out),
      style_(style),
      clock_(std::move(clock)),
      started_(clock_()),
      stage_started_(started_),
      last_printed_(started_) {}

std::string ProgressPrinter::Text(const BulkLoadProgress& progress, double seconds) const {
  const bool building = progress.stage != BulkLoadStage::kReading;
  const uint64_t done = building ? progress.rows_indexed : progress.rows_added;
  const double rate = seconds > 0 ? static_cast<double>(done) / seconds : 0;
  std::string text = absl::StrCat(BulkLoadStageName(progress.stage), " ", done);
  if (progress.rows_total > 0) {
    absl::StrAppend(&text, " of ", progress.rows_total);
  }
  absl::StrAppend(&text, " rows");
  if (rate > 0) {
    absl::StrAppendFormat(&text, ", %.0f rows/s", rate);
    if (progress.rows_total > done) {
      absl::StrAppendFormat(&text, ", %.0f s left",
                            static_cast<double>(progress.rows_total - done) / rate);
    }
  }
  return text;
}

void ProgressPrinter::Update(const BulkLoadProgress& progress) {
  const auto now = clock_();
  const bool stage_changed = progress.stage != stage_;
  if (stage_changed) {
    stage_ = progress.stage;
    stage_started_ = now;
  }
  const bool due = Seconds(now - last_printed_) >= Interval(style_);
  if (style_ == ProgressStyle::kNone ||
      (!due && !(stage_changed && style_ != ProgressStyle::kLines))) {
    return;
  }
  last_printed_ = now;
  if (style_ == ProgressStyle::kJson) {
    out_
        << absl::StrFormat(
               R"({"stage":"%s","rows_added":%d,"rows_indexed":%d,"rows_total":%d,"seconds":%.1f})",
               BulkLoadStageName(progress.stage), progress.rows_added, progress.rows_indexed,
               progress.rows_total, Seconds(now - started_))
        << std::endl;
    return;
  }
  const std::string text = Text(progress, Seconds(now - stage_started_));
  if (style_ == ProgressStyle::kLines) {
    out_ << "perigee-load: " << text << std::endl;
    return;
  }
  const size_t padding = columns_printed_ > text.size() ? columns_printed_ - text.size() : 0;
  out_ << "\r" << text << std::string(padding, ' ') << std::flush;
  columns_printed_ = std::max(columns_printed_, text.size());
}

void ProgressPrinter::Finish() {
  if (style_ == ProgressStyle::kTerminal && columns_printed_ > 0) {
    out_ << "\r" << std::string(columns_printed_, ' ') << "\r" << std::flush;
    columns_printed_ = 0;
  }
}

}  // namespace perigee::tools
