// SPDX-License-Identifier: Apache-2.0
#include "tools/cli/output.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "tools/point_json/point_json.h"

namespace perigee::tools {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kPayloadColumnsMax = 72;
constexpr size_t kSegmentsShown = 20;

// Text that our own printers made is JSON already; parsing it again keeps one writer of numbers.
Json Parsed(const std::string& json) { return Json::parse(json, nullptr, false); }

Json IdValue(const PointId& id) { return id.is_integer() ? Json(id.integer()) : Json(id.string()); }

Json VectorsValue(const NamedVectors& vectors) {
  Json json = Json::object();
  for (const auto& [name, values] : vectors) {
    json[name] = Parsed(VectorJson(values));
  }
  return json;
}

// Numbers of a float as people write them, without the digits that only f32 has.
Json ScoreValue(float value) { return Parsed(FloatJson(value)); }

Json DescriptionValue(const CollectionDescription& c) {
  Json vectors = Json::array();
  for (const VectorStatus& vector : c.vectors) {
    vectors.push_back({{"name", vector.name},
                       {"vectors", vector.vectors},
                       {"unindexed", vector.vectors_unindexed}});
  }
  return {{"name", c.name},
          {"uuid", c.uuid},
          {"state", c.state},
          {"points", c.points},
          {"schema", Parsed(ToJson(c.schema))},
          {"vectors", vectors},
          {"rows_deleted", c.rows_deleted},
          {"segments",
           {{"growing", c.segments_growing},
            {"sealing", c.segments_sealing},
            {"sealed", c.segments_sealed}}},
          {"memory_bytes", c.memory_bytes},
          {"disk_bytes", c.disk_bytes},
          {"applied_seq", c.applied_seq}};
}

Json ScrubValue(const ScrubStatus& scrub) {
  Json segments = Json::array();
  for (const SegmentScrub& segment : scrub.segments) {
    segments.push_back({{"segment", segment.segment},
                        {"collection", segment.collection},
                        {"bytes", segment.bytes},
                        {"verified_at_ms", segment.verified_at_ms},
                        {"damage", segment.damage}});
  }
  return {{"state", scrub.state},
          {"bytes_per_second", scrub.bytes_per_second},
          {"bytes_total", scrub.bytes_total},
          {"bytes_verified", scrub.bytes_verified},
          {"last_full_pass_ms", scrub.last_full_pass_ms},
          {"damages_found", scrub.damages_found},
          {"segments", segments}};
}

void PrintJson(std::ostream& out, const Json& json) {
  out << json.dump(2, ' ', false, Json::error_handler_t::replace) << "\n";
}

size_t Columns(const std::string& text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
  }));
}

std::string VectorSummary(const VectorSchema& vector) {
  return absl::StrCat(vector.name.empty() ? "(unnamed)" : vector.name, " ", vector.dimension, " ",
                      std::string(DistanceMetricName(vector.metric)), " ",
                      std::string(VectorElementName(vector.element)));
}

}  // namespace

std::string Thousands(uint64_t number) {
  std::string digits = absl::StrCat(number);
  for (size_t at = digits.size(); at > 3; at -= 3) {
    digits.insert(at - 3, ",");
  }
  return digits;
}

std::string HumanBytes(uint64_t bytes) {
  static constexpr std::array<const char*, 5> kUnits = {"B", "KiB", "MiB", "GiB", "TiB"};
  auto value = static_cast<double>(bytes);
  size_t unit = 0;
  while (value >= 1024 && unit + 1 < kUnits.size()) {
    value /= 1024;
    ++unit;
  }
  return unit == 0 ? absl::StrCat(bytes, " B") : absl::StrFormat("%.1f %s", value, kUnits[unit]);
}

std::string Cell(const std::string& text, size_t columns_max) {
  std::string line;
  size_t columns = 0;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool starts_character = (byte & 0xC0U) != 0x80U;
    if (starts_character && columns == columns_max) {
      return line + "…";
    }
    columns += starts_character ? 1 : 0;
    line += byte < 0x20 || byte == 0x7F ? '.' : c;
  }
  return line;
}

void PrintTable(std::ostream& out, const std::vector<std::vector<std::string>>& rows) {
  std::vector<size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], Columns(row[i]));
    }
  }
  for (const auto& row : rows) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      line += row[i];
      if (i + 1 < row.size()) {
        line.append(widths[i] - Columns(row[i]) + 2, ' ');
      }
    }
    out << line << "\n";
  }
}

void PrintCollections(std::ostream& out, OutputFormat format,
                      const std::vector<CollectionDescription>& collections) {
  if (format == OutputFormat::kJson) {
    Json json = Json::array();
    for (const CollectionDescription& collection : collections) {
      json.push_back(DescriptionValue(collection));
    }
    PrintJson(out, json);
    return;
  }
  std::vector<std::vector<std::string>> rows = {
      {"COLLECTION", "POINTS", "VECTORS", "DISK", "STATE"}};
  for (const CollectionDescription& c : collections) {
    std::string vectors;
    for (const VectorSchema& vector : c.schema.vectors) {
      absl::StrAppend(&vectors, vectors.empty() ? "" : ", ", VectorSummary(vector));
    }
    rows.push_back({c.name, Thousands(c.points), vectors, HumanBytes(c.disk_bytes), c.state});
  }
  PrintTable(out, rows);
}

void PrintDescription(std::ostream& out, OutputFormat format, const CollectionDescription& c) {
  if (format == OutputFormat::kJson) {
    PrintJson(out, DescriptionValue(c));
    return;
  }
  std::vector<std::vector<std::string>> rows = {
      {"collection", c.name}, {"state", c.state}, {"points", Thousands(c.points)}};
  for (size_t i = 0; i < c.schema.vectors.size(); ++i) {
    std::string text = VectorSummary(c.schema.vectors[i]);
    if (i < c.vectors.size()) {
      absl::StrAppend(&text, ", ", Thousands(c.vectors[i].vectors), " vectors, ",
                      Thousands(c.vectors[i].vectors_unindexed), " of them searched exactly");
    }
    rows.push_back({"vector", text});
  }
  rows.push_back({"segments", absl::StrCat(c.segments_sealed, " sealed, ", c.segments_sealing,
                                           " sealing, ", c.segments_growing, " growing")});
  rows.push_back({"deleted rows", Thousands(c.rows_deleted)});
  rows.push_back({"memory", HumanBytes(c.memory_bytes)});
  rows.push_back({"disk", HumanBytes(c.disk_bytes)});
  rows.push_back({"uuid", c.uuid});
  PrintTable(out, rows);
}

namespace {

std::string TimeText(int64_t unix_ms) {
  return unix_ms == 0 ? "not yet"
                      : absl::FormatTime("%Y-%m-%d %H:%M:%S UTC", absl::FromUnixMillis(unix_ms),
                                         absl::UTCTimeZone());
}

std::string ScrubSummary(const ScrubStatus& scrub) {
  if (scrub.bytes_per_second == 0) {
    return scrub.state;
  }
  return absl::StrCat(scrub.state, "; ", HumanBytes(scrub.bytes_verified), " of ",
                      HumanBytes(scrub.bytes_total), " verified, at ",
                      HumanBytes(scrub.bytes_per_second),
                      "/s; last full pass: ", TimeText(scrub.last_full_pass_ms),
                      "; damaged segments found so far: ", scrub.damages_found);
}

// Those that were verified longest ago, which are what one asks for.
void PrintSegments(std::ostream& out, std::vector<SegmentScrub> segments) {
  std::stable_sort(segments.begin(), segments.end(),
                   [](const SegmentScrub& a, const SegmentScrub& b) {
                     return a.verified_at_ms < b.verified_at_ms;
                   });
  const size_t shown = std::min(segments.size(), kSegmentsShown);
  std::vector<std::vector<std::string>> rows = {{"SEGMENT", "COLLECTION", "SIZE", "VERIFIED"}};
  for (size_t i = 0; i < shown; ++i) {
    const SegmentScrub& segment = segments[i];
    rows.push_back({segment.segment, segment.collection, HumanBytes(segment.bytes),
                    absl::StrCat(segment.damage.empty() ? "" : "DAMAGED; before: ",
                                 TimeText(segment.verified_at_ms))});
  }
  out << "\n";
  PrintTable(out, rows);
  if (shown < segments.size()) {
    out << "and " << Thousands(segments.size() - shown) << " more; --json lists all\n";
  }
}

}  // namespace

void PrintStatus(std::ostream& out, OutputFormat format, const DatabaseStatus& s) {
  if (format == OutputFormat::kJson) {
    Json collections = Json::array();
    for (const CollectionDescription& collection : s.collections) {
      collections.push_back(DescriptionValue(collection));
    }
    PrintJson(out, {{"uuid", s.uuid},
                    {"version", s.version},
                    {"epoch", s.epoch},
                    {"seq", s.seq},
                    {"as_of_seq", s.as_of_seq},
                    {"read_only", s.read_only},
                    {"durability", s.durability},
                    {"io_backend", s.io_backend},
                    {"simd", s.simd},
                    {"log_bytes", s.log_bytes},
                    {"log_files", s.log_files},
                    {"disk_free_bytes", s.disk_free_bytes},
                    {"storage_error", s.storage_error},
                    {"warnings", s.warnings},
                    {"scrub", ScrubValue(s.scrub)},
                    {"collections", collections}});
    return;
  }
  std::vector<std::vector<std::string>> rows = {
      {"database", s.uuid},
      {"version", s.version},
      {"mode", s.read_only ? absl::StrCat("read-only, as of write ", s.as_of_seq)
                           : std::string("read and write")},
      {"last write", absl::StrCat("seq ", s.seq, ", epoch ", s.epoch, ", ", s.durability)},
      {"i/o", s.io_backend},
      {"kernels", s.simd},
      {"log", absl::StrCat(HumanBytes(s.log_bytes), " in ", s.log_files, " files")},
      {"disk free", HumanBytes(s.disk_free_bytes)},
      {"scrub", ScrubSummary(s.scrub)}};
  if (!s.storage_error.empty()) {
    rows.push_back({"STORAGE ERROR", s.storage_error});
  }
  for (const std::string& warning : s.warnings) {
    rows.push_back({"warning", warning});
  }
  PrintTable(out, rows);
  if (!s.collections.empty()) {
    out << "\n";
    PrintCollections(out, format, s.collections);
  }
  if (!s.scrub.segments.empty()) {
    PrintSegments(out, s.scrub.segments);
  }
}

void PrintSnapshot(std::ostream& out, OutputFormat format, const std::string& what,
                   const std::string& where, const SnapshotReport& report) {
  if (format == OutputFormat::kJson) {
    PrintJson(out, {{what, where},
                    {"database", report.database_uuid},
                    {"seq", report.seq},
                    {"epoch", report.epoch},
                    {"files", report.files},
                    {"bytes", report.bytes},
                    {"bytes_copied", report.bytes_copied}});
    return;
  }
  out << what << " " << where << ": every write up to seq " << report.seq << ", "
      << Thousands(report.files) << " files, " << Thousands(report.bytes) << " bytes ("
      << Thousands(report.bytes_copied) << " copied)\n";
}

void PrintWrite(std::ostream& out, OutputFormat format, const std::string& verb,
                const WriteResult& result) {
  if (format == OutputFormat::kJson) {
    PrintJson(out, {{"affected", result.affected},
                    {"seq", result.seq},
                    {"epoch", result.epoch},
                    {"durability", result.durability}});
    return;
  }
  out << verb << " " << Thousands(result.affected) << (result.affected == 1 ? " point" : " points")
      << " (seq " << result.seq << ", " << result.durability << ")\n";
}

void PrintPoints(std::ostream& out, OutputFormat format, const std::vector<Point>& points,
                 const std::string& next_cursor) {
  if (format == OutputFormat::kJson) {
    Json json = Json::array();
    for (const Point& point : points) {
      Json item = {{"id", IdValue(point.id)}, {"payload", Parsed(ToJson(point.payload))}};
      if (!point.vectors.empty()) {
        item["vectors"] = VectorsValue(point.vectors);
      }
      json.push_back(item);
    }
    PrintJson(out, {{"points", json},
                    {"next_cursor", next_cursor.empty() ? Json(nullptr) : Json(next_cursor)}});
    return;
  }
  std::vector<std::vector<std::string>> rows = {{"ID", "PAYLOAD"}};
  for (const Point& point : points) {
    rows.push_back({Cell(IdJson(point.id), 40), Cell(ToJson(point.payload), kPayloadColumnsMax)});
    for (const auto& [name, values] : point.vectors) {
      rows.push_back(
          {"", Cell(absl::StrCat(name.empty() ? "vector" : name, " ", VectorJson(values)),
                    kPayloadColumnsMax)});
    }
  }
  PrintTable(out, rows);
  if (!next_cursor.empty()) {
    out << "more: --cursor " << next_cursor << "\n";
  }
}

void PrintQuery(std::ostream& out, OutputFormat format, const QueryResult& result) {
  if (format == OutputFormat::kJson) {
    Json hits = Json::array();
    for (const ScoredPoint& hit : result.hits) {
      Json item = {{"id", IdValue(hit.id)},
                   {"score", ScoreValue(hit.score)},
                   {"distance", ScoreValue(hit.distance)},
                   {"version", hit.version}};
      if (hit.payload.has_value()) {
        item["payload"] = Parsed(ToJson(*hit.payload));
      }
      if (!hit.vectors.empty()) {
        item["vectors"] = VectorsValue(hit.vectors);
      }
      hits.push_back(item);
    }
    PrintJson(out,
              {{"hits", hits},
               {"exact", result.exact},
               {"recall_estimate",
                result.recall_estimate.has_value() ? Json(*result.recall_estimate) : Json(nullptr)},
               {"plan", result.plan},
               {"filter_scanned", result.filter_scanned},
               {"usage",
                {{"distances", result.usage.distances},
                 {"rows_tested", result.usage.rows_tested},
                 {"bytes_read", result.usage.bytes_read},
                 {"microseconds", result.usage.microseconds}}},
               {"coverage",
                {{"segments_done", result.coverage.segments_done},
                 {"segments_total", result.coverage.segments_total},
                 {"rows_done", result.coverage.rows_done},
                 {"rows_total", result.coverage.rows_total}}},
               {"seq", result.seq},
               {"epoch", result.epoch}});
    return;
  }
  std::vector<std::vector<std::string>> rows = {{"SCORE", "ID", "PAYLOAD"}};
  for (const ScoredPoint& hit : result.hits) {
    rows.push_back(
        {absl::StrFormat("%.4f", hit.score), Cell(IdJson(hit.id), 40),
         hit.payload.has_value() ? Cell(ToJson(*hit.payload), kPayloadColumnsMax) : std::string()});
  }
  PrintTable(out, rows);
  out << result.hits.size() << (result.hits.size() == 1 ? " hit" : " hits")
      << (result.exact ? ", exact" : "") << ", plan " << result.plan << ", "
      << Thousands(result.usage.distances) << " distances, " << Thousands(result.usage.microseconds)
      << " us\n";
}

void PrintCount(std::ostream& out, OutputFormat format, const CountResult& result) {
  if (format == OutputFormat::kJson) {
    PrintJson(out, {{"count", result.count},
                    {"filter_scanned", result.filter_scanned},
                    {"seq", result.seq},
                    {"epoch", result.epoch}});
    return;
  }
  out << result.count << "\n";
}

void PrintExplain(std::ostream& out, OutputFormat format, const ExplainResult& result) {
  if (format == OutputFormat::kJson) {
    Json segments = Json::array();
    for (const SegmentPlan& segment : result.segments) {
      segments.push_back(
          {{"segment", segment.segment},
           {"rows", segment.rows},
           {"strategy", segment.strategy},
           {"reason", segment.reason},
           {"selectivity",
            segment.selectivity.has_value() ? Json(*segment.selectivity) : Json(nullptr)},
           {"ef", segment.ef}});
    }
    PrintJson(out, {{"using", result.using_vector},
                    {"metric", std::string(DistanceMetricName(result.metric))},
                    {"filter",
                     result.filter_text.has_value() ? Json(*result.filter_text) : Json(nullptr)},
                    {"filter_scanned", result.filter_scanned},
                    {"segments", segments},
                    {"seq", result.seq},
                    {"epoch", result.epoch}});
    return;
  }
  out << "query using "
      << (result.using_vector.empty() ? "the unnamed vector" : result.using_vector) << ", "
      << DistanceMetricName(result.metric) << "\n";
  if (result.filter_text.has_value()) {
    out << "filter " << *result.filter_text
        << (result.filter_scanned ? " (no field: rows are tested)" : "") << "\n";
  }
  std::vector<std::vector<std::string>> rows = {
      {"SEGMENT", "ROWS", "STRATEGY", "MATCHING", "EF", "WHY"}};
  for (const SegmentPlan& segment : result.segments) {
    rows.push_back({segment.segment, Thousands(segment.rows), segment.strategy,
                    segment.selectivity.has_value()
                        ? absl::StrFormat("%.1f%%", *segment.selectivity * 100)
                        : "-",
                    segment.ef == 0 ? "-" : absl::StrCat(segment.ef), segment.reason});
  }
  PrintTable(out, rows);
}

}  // namespace perigee::tools
