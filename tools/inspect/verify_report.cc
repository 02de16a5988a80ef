// SPDX-License-Identifier: Apache-2.0
#include "tools/inspect/verify_report.h"

#include <array>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "storage/foundation/string_view_bridge.h"
#include "tools/inspect/finding_meaning.h"

namespace perigee::tools::inspect {
namespace {

constexpr int kExitDamage = 2;
constexpr int kExitUnreadable = 3;
constexpr int kExitUnsupported = 4;

std::string_view Verdict(const FindingList& findings) {
  switch (VerifyExitCode(findings)) {
    case 0:
      return "ok";
    case kExitUnreadable:
      return "unreadable";
    case kExitUnsupported:
      return "unsupported";
    default:
      return "damaged";
  }
}

void PrintFinding(const Finding& finding, std::ostream& out) {
  out << SeverityName(finding.severity) << ": " << finding.file;
  if (finding.offset.has_value()) {
    out << " at offset " << *finding.offset;
  }
  if (!finding.section.empty()) {
    out << ", " << finding.section;
  }
  out << " (" << finding.code << ")\n";
  if (!finding.expected.empty()) {
    out << "    expected: " << finding.expected << "\n";
  }
  out << "    found:    " << finding.found << "\n";
  const FindingMeaning& meaning = MeaningOf(finding.code);
  if (!meaning.meaning.empty()) {
    out << "    means:    " << meaning.meaning << "\n    do:       " << meaning.remedy << "\n";
  }
}

nlohmann::ordered_json DeepJson(const DeepFigures& figures) {
  nlohmann::ordered_json json = {
      {"segment", figures.segment}, {"vector", figures.vector}, {"rows", figures.rows}};
  if (figures.has_graph) {
    json["graph"] = {{"nodes", figures.nodes},
                     {"reachable", figures.reachable},
                     {"recall_queries", figures.recall_queries},
                     {"recall_at_10", figures.recall_at_10}};
  } else {
    json["graph"] = nullptr;
  }
  return json;
}

nlohmann::ordered_json LogJson(const VerifyReport& report) {
  nlohmann::ordered_json files = nlohmann::ordered_json::array();
  for (const LogFileSummary& file : report.log.files) {
    files.push_back({{"number", file.number},
                     {"bytes", file.bytes},
                     {"epoch", file.epoch},
                     {"first_lsn", file.first_lsn},
                     {"last_lsn", file.last_lsn},
                     {"groups", file.groups},
                     {"records", file.records}});
  }
  return {{"end", LogEndName(report.log.end)},
          {"last_lsn", report.log.last_lsn},
          {"durable_lsn", report.log.durable_lsn},
          {"records_to_replay", report.records_to_replay},
          {"files", std::move(files)}};
}

}  // namespace

int VerifyExitCode(const FindingList& findings) {
  if (findings.Has(Severity::kDamage) || findings.left_out() > 0) {
    return kExitDamage;
  }
  if (findings.Has(Severity::kUnreadable)) {
    return kExitUnreadable;
  }
  return findings.Has(Severity::kUnsupported) ? kExitUnsupported : 0;
}

std::string Grouped(uint64_t number) {
  std::string digits = absl::StrCat(number);
  for (size_t place = digits.size(); place > 3;) {
    place -= 3;
    digits.insert(place, ",");
  }
  return digits;
}

std::string BytesText(uint64_t bytes) {
  constexpr std::array<const char*, 5> kUnits = {"bytes", "KiB", "MiB", "GiB", "TiB"};
  auto value = static_cast<double>(bytes);
  size_t unit = 0;
  while (value >= 1024 && unit + 1 < kUnits.size()) {
    value /= 1024;
    ++unit;
  }
  return unit == 0 ? absl::StrCat(bytes, " bytes")
                   : absl::StrFormat("%.1f %s", value, kUnits[unit]);
}

void PrintFindings(const FindingList& findings, std::ostream& out) {
  for (const Severity severity :
       {Severity::kDamage, Severity::kUnreadable, Severity::kUnsupported, Severity::kNotice}) {
    for (const Finding& finding : findings.findings()) {
      if (finding.severity == severity) {
        PrintFinding(finding, out);
      }
    }
  }
  if (findings.left_out() > 0) {
    out << "and " << Grouped(findings.left_out()) << " findings more\n";
  }
}

nlohmann::ordered_json FindingsJson(const FindingList& findings) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const Finding& finding : findings.findings()) {
    const FindingMeaning& meaning = MeaningOf(finding.code);
    list.push_back({{"severity", SeverityName(finding.severity)},
                    {"code", finding.code},
                    {"file", finding.file},
                    {"offset", finding.offset.has_value() ? nlohmann::ordered_json(*finding.offset)
                                                          : nlohmann::ordered_json(nullptr)},
                    {"section", finding.section},
                    {"expected", finding.expected},
                    {"found", finding.found},
                    {"meaning", meaning.meaning},
                    {"remedy", meaning.remedy}});
  }
  return list;
}

void PrintReport(const VerifyReport& report, std::ostream& out) {
  const ManifestState& state = report.manifest;
  if (report.identity.has_value()) {
    out << "database   " << report.identity->database.ToString() << "\n";
  }
  if (state.version > 0) {
    out << "as of      manifest version " << state.version << " in "
        << report.current->manifest_name << " (" << ManifestEndName(report.manifest_end)
        << "), epoch " << state.epoch << ", log up to LSN " << report.log.last_lsn << "\n";
    out << "log        " << report.log.files.size() << " files, " << BytesText(report.log.bytes)
        << ", " << LogEndName(report.log.end) << ", " << Grouped(report.records_to_replay)
        << " records to replay\n";
  }
  for (const CollectionFigures& collection : report.collections) {
    out << "collection " << collection.name << ": " << Grouped(collection.rows) << " rows ("
        << Grouped(collection.dead_rows) << " dead) in " << collection.segments << " segments, "
        << BytesText(collection.file_bytes) << ", applied up to LSN " << collection.applied_lsn
        << "\n";
  }
  for (const DeepFigures& figures : report.deep) {
    out << "deep       seg/" << figures.segment << " vector '" << figures.vector << "': norms of "
        << Grouped(figures.rows) << " rows right";
    if (figures.has_graph) {
      out << absl::StrFormat("; graph reaches %d of %d nodes, recall@10 %.3f over %d queries",
                             figures.reachable, figures.nodes, figures.recall_at_10,
                             figures.recall_queries);
    } else {
      out << "; no graph";
    }
    out << "\n";
  }
  PrintFindings(report.findings, out);
  const FindingList& list = report.findings;
  out << Verdict(list) << ": " << BytesText(report.bytes_read) << " read, "
      << list.CountOf(Severity::kDamage) + list.left_out() << " damaged, "
      << list.CountOf(Severity::kUnreadable) << " unreadable, "
      << list.CountOf(Severity::kUnsupported) << " unsupported, " << list.CountOf(Severity::kNotice)
      << " notices\n";
}

nlohmann::ordered_json ReportJson(const VerifyReport& report) {
  const ManifestState& state = report.manifest;
  nlohmann::ordered_json json = {{"schema", "perigee-inspect.verify"}, {"schema_version", 1}};
  json["verdict"] = Verdict(report.findings);
  json["exit_code"] = VerifyExitCode(report.findings);
  json["directory"] = report.directory;
  json["database"] = report.identity.has_value()
                         ? nlohmann::ordered_json(report.identity->database.ToString())
                         : nlohmann::ordered_json(nullptr);
  if (state.version > 0) {
    json["as_of"] = {{"manifest", report.current->manifest_name},
                     {"manifest_end", ManifestEndName(report.manifest_end)},
                     {"version", state.version},
                     {"epoch", state.epoch},
                     {"durable_lsn", state.durable_lsn},
                     {"log_last_lsn", report.log.last_lsn}};
    json["log"] = LogJson(report);
  } else {
    json["as_of"] = nullptr;
    json["log"] = nullptr;
  }
  json["collections"] = nlohmann::ordered_json::array();
  for (const CollectionFigures& collection : report.collections) {
    json["collections"].push_back({{"name", collection.name},
                                   {"uuid", collection.uuid.ToString()},
                                   {"segments", collection.segments},
                                   {"rows", collection.rows},
                                   {"dead_rows", collection.dead_rows},
                                   {"bytes", collection.file_bytes},
                                   {"applied_lsn", collection.applied_lsn}});
  }
  json["deep"] = nlohmann::ordered_json::array();
  for (const DeepFigures& figures : report.deep) {
    json["deep"].push_back(DeepJson(figures));
  }
  json["bytes_read"] = report.bytes_read;
  json["passes"] = report.passes;
  json["findings"] = FindingsJson(report.findings);
  json["findings_left_out"] = report.findings.left_out();
  return json;
}

}  // namespace perigee::tools::inspect
