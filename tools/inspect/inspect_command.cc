// SPDX-License-Identifier: Apache-2.0
#include "tools/inspect/inspect_command.h"

#include <CLI/CLI.hpp>
#include <chrono>

#include "absl/status/status.h"
#include "absl/strings/str_format.h"
#include "perigee/model/exit_code.h"
#include "tools/inspect/database_verifier.h"
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

}  // namespace

int RunPerigeeInspect(const std::vector<std::string>& arguments, const InspectStreams& streams,
                      const std::function<std::string()>& version_line) {
  CLI::App app("Verify a database and show what its files hold, with a decoder of its own.",
               "perigee-inspect");
  Options options;
  app.set_version_flag("--version", version_line);
  app.require_subcommand(1);
  CLI::App* verify = app.add_subcommand("verify", "Check everything; changes nothing");
  DeclareVerify(*verify, options);
  app.footer(
      "Exit codes: 0 ok, 2 damage, 3 cannot be read, 4 of a later version, 64 usage, 66 no such "
      "file, 78 not\na database.");
  try {
    app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error, streams.output, streams.error);
    return code == 0 ? 0 : static_cast<int>(ExitCode::kUsage);
  }
  return Verify(options, streams);
}

}  // namespace perigee::tools::inspect
