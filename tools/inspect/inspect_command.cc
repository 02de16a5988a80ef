// SPDX-License-Identifier: Apache-2.0
#include "tools/inspect/inspect_command.h"

#include <CLI/CLI.hpp>
#include <chrono>

#include "absl/status/status.h"
#include "absl/strings/str_format.h"
#include "perigee/model/exit_code.h"
#include "tools/inspect/database_verifier.h"
#include "tools/inspect/file_listing.h"
#include "tools/inspect/log_repair.h"
#include "tools/inspect/verify_report.h"

namespace perigee::tools::inspect {
namespace {

constexpr std::chrono::seconds kQuietTime{2};
constexpr std::chrono::milliseconds kProgressInterval{200};

struct Options {
  std::string path;
  bool deep = false;
  bool json = false;
  bool progress = false;
  ListingOptions listing = {};
  uint64_t to_lsn = 0;
  bool yes = false;
};

void PrintJson(const nlohmann::ordered_json& json, std::ostream& out) {
  out << json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) << "\n";
}

// One line on the error stream, rewritten in place, once a run takes longer than two seconds.
class ProgressLine {
 public:
  ProgressLine(std::ostream& out, bool shown) : out_(out), shown_(shown) {}
  ~ProgressLine() {
    if (printed_) {
      out_ << "\r\x1b[K" << std::flush;
    }
  }
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  void Update(const VerifyProgress& progress) {
    const auto now = std::chrono::steady_clock::now();
    if (!shown_ || now - started_ < kQuietTime || now - last_ < kProgressInterval) {
      return;
    }
    last_ = now;
    printed_ = true;
    const double share = progress.bytes_total == 0 ? 0
                                                   : static_cast<double>(progress.bytes_done) /
                                                         static_cast<double>(progress.bytes_total);
    out_ << absl::StrFormat("\rverifying %s, %.0f%% of %s", progress.file,
                            100 * std::min(share, 1.0), BytesText(progress.bytes_total))
         << "\x1b[K" << std::flush;
  }

 private:
  std::ostream& out_;
  bool shown_;
  bool printed_ = false;
  std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
  std::chrono::steady_clock::time_point last_ = started_;
};

int Failed(const absl::Status& status, const InspectStreams& streams) {
  streams.error << "perigee-inspect: " << std::string(status.message()) << "\n";
  if (absl::IsNotFound(status)) {
    return static_cast<int>(ExitCode::kNoInput);
  }
  if (absl::IsFailedPrecondition(status)) {
    return static_cast<int>(ExitCode::kConfiguration);
  }
  return 3;
}

int Verify(const Options& options, const InspectStreams& streams) {
  ProgressLine line(streams.error, options.progress || streams.error_is_terminal);
  VerifyOptions verify;
  verify.deep = options.deep;
  verify.on_progress = [&line](const VerifyProgress& progress) { line.Update(progress); };
  const absl::StatusOr<VerifyReport> report = VerifyDatabase(options.path, verify);
  if (!report.ok()) {
    return Failed(report.status(), streams);
  }
  if (options.json) {
    PrintJson(ReportJson(*report), streams.output);
  } else {
    PrintReport(*report, streams.output);
  }
  return VerifyExitCode(report->findings);
}

void DeclareVerify(CLI::App& app, Options& options) {
  app.add_option("DIR", options.path, "Database directory; it may be in use")->required();
  app.add_flag("--deep", options.deep,
               "Also compute norms, reachability of graphs and a sample of their recall again");
  app.add_flag("--json", options.json, "One JSON document");
  app.add_flag("--progress", options.progress,
               "Show progress although the error stream is no terminal");
}

void DeclareListing(CLI::App& app, ListingOptions& listing, const char* what) {
  app.add_option("PATH", listing.path, what);
  app.add_flag("--json", listing.json, "One JSON document");
  app.add_option("--limit", listing.limit, "Show so many at most; 0: all")->capture_default_str();
}

int List(const ListingOptions& listing, const InspectStreams& streams,
         absl::StatusOr<int> (*list)(const ListingOptions&, std::ostream&)) {
  if (listing.path.empty()) {
    streams.error << "perigee-inspect: PATH is missing; --help shows how to ask\n";
    return static_cast<int>(ExitCode::kUsage);
  }
  const absl::StatusOr<int> code = list(listing, streams.output);
  return code.ok() ? *code : Failed(code.status(), streams);
}

int Repair(const Options& options, const InspectStreams& streams) {
  const absl::StatusOr<RepairPlan> plan = PlanLogRepair(options.path, options.to_lsn);
  if (!plan.ok()) {
    if (absl::IsInvalidArgument(plan.status())) {
      streams.error << "perigee-inspect: " << std::string(plan.status().message()) << "\n";
      return static_cast<int>(ExitCode::kBadData);
    }
    return Failed(plan.status(), streams);
  }
  streams.output << DescribeRepair(*plan);
  if (!options.yes) {
    streams.output
        << "Nothing was changed. Make a copy of the directory, then repeat with --yes.\n";
    return static_cast<int>(ExitCode::kUsage);
  }
  if (const absl::Status applied = ApplyLogRepair(*plan); !applied.ok()) {
    streams.error << "perigee-inspect: " << std::string(applied.message()) << "\n";
    return static_cast<int>(absl::IsAborted(applied) ? ExitCode::kTryLater : ExitCode::kIoError);
  }
  streams.output << "Done. ";
  return Verify(options, streams);
}

struct Commands {
  CLI::App* verify = nullptr;
  CLI::App* log = nullptr;
  CLI::App* repair = nullptr;
  CLI::App* manifest = nullptr;
  CLI::App* segment = nullptr;
};

Commands Declare(CLI::App& app, Options& options) {
  Commands commands;
  app.require_subcommand(1);
  commands.verify = app.add_subcommand("verify", "Check everything; changes nothing");
  DeclareVerify(*commands.verify, options);
  commands.log = app.add_subcommand("wal", "Show the records of the log, or repair it");
  DeclareListing(*commands.log, options.listing, "Log file, or database directory for all of them");
  commands.repair = commands.log->add_subcommand(
      "repair", "Cut a damaged log behind an LSN: gives up what follows");
  commands.repair->add_option("DIR", options.path, "Database directory that nobody has open")
      ->required();
  commands.repair
      ->add_option("--to-lsn", options.to_lsn, "Last record to keep; verify names the damaged one")
      ->required();
  commands.repair->add_flag("--yes", options.yes, "Do it; without this it is only described");
  commands.manifest = app.add_subcommand(
      "manifest", "Show the edits of a manifest; of a damaged one what could take its place");
  DeclareListing(*commands.manifest, options.listing, "Manifest file, or database directory");
  commands.segment =
      app.add_subcommand("segment", "Show sections and rows of a segment or deletion file");
  DeclareListing(*commands.segment, options.listing, "File in seg/ or del/");
  commands.segment->add_flag("--rows", options.listing.rows, "Show ids and payload of rows");
  commands.segment->add_option("--from", options.listing.first_row, "First row to show")
      ->capture_default_str();
  return commands;
}

}  // namespace

int RunPerigeeInspect(const std::vector<std::string>& arguments, const InspectStreams& streams,
                      const std::function<std::string()>& version_line) {
  CLI::App app("Verify a database and show what its files hold, with a decoder of its own.",
               "perigee-inspect");
  Options options;
  app.set_version_flag("--version", version_line);
  const Commands commands = Declare(app, options);
  app.footer(
      "Exit codes: 0 ok, 2 damage, 3 cannot be read, 4 of a later version, 64 usage, 65 the log "
      "cannot be\ncut there, 66 no such file, 74 the repair failed, 75 the database is in use, 78 "
      "not a database or\nnothing to repair.");
  try {
    app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error, streams.output, streams.error);
    return code == 0 ? 0 : static_cast<int>(ExitCode::kUsage);
  }
  if (commands.repair->parsed()) {
    return Repair(options, streams);
  }
  if (commands.log->parsed()) {
    return List(options.listing, streams, &ListLog);
  }
  if (commands.manifest->parsed()) {
    return List(options.listing, streams, &ListManifest);
  }
  if (commands.segment->parsed()) {
    return List(options.listing, streams, &ListSegment);
  }
  return Verify(options, streams);
}

}  // namespace perigee::tools::inspect
