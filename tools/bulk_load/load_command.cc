// SPDX-License-Identifier: Apache-2.0
#include "tools/bulk_load/load_command.h"

#include <CLI/CLI.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "perigee/bulk_loader.h"
#include "perigee/database.h"
#include "perigee/model/exit_code.h"
#include "perigee/version.h"
#include "storage/foundation/error_reason.h"
#include "storage/foundation/status_macros.h"
#include "tools/bulk_load/progress_printer.h"
#include "tools/bulk_load/reject_file.h"
#include "tools/bulk_load/row_input.h"

namespace perigee::tools {
namespace {

// Refused rows are listed this far beyond the limit, so that one run shows more than one fault.
constexpr uint64_t kRejectsShownBeyondLimit = 1'000;

struct Options {
  std::string directory;
  std::string collection;
  RowInputOptions input;
  std::string ids = "file";
  std::string metric = "cosine";
  std::string element = "f32";
  std::string rejects;
  uint64_t max_rejects = 0;
  uint32_t threads = 0;
  uint64_t memory_limit_mib = 0;
  std::string progress = "auto";
  bool quiet = false;
};

void Declare(CLI::App& app, Options& options) {
  app.set_version_flag("--version", [] { return VersionLine("perigee-load"); });
  app.add_option("--data", options.directory, "Database directory; made if it is missing or empty")
      ->required();
  app.add_option("--collection", options.collection, "Collection to fill; created if it is missing")
      ->required();
  app.add_option("--vectors", options.input.vectors_path,
                 "Rows of vectors: .npy (f2 f4 f8 i1 u1) or .fvecs");
  app.add_option("--payload", options.input.payload_path,
                 "JSONL, one row a line: {\"id\": …, \"payload\": {…}}, \"vector\" too when "
                 "--vectors is absent");
  app.add_option("--using", options.input.vector_name,
                 "Name of the vector that --vectors fills (default: the unnamed one)");
  app.add_option("--ids", options.ids, "file: from the JSONL; rownum: the number of the row")
      ->check(CLI::IsMember({"file", "rownum"}))
      ->capture_default_str();
  app.add_option("--metric", options.metric, "When the collection is created: cosine, l2 or dot")
      ->capture_default_str();
  app.add_option("--element", options.element, "When the collection is created: f32 or f16")
      ->capture_default_str();
  app.add_option("--rejects", options.rejects, "Write refused rows here, one JSON object a line");
  app.add_option("--max-rejects", options.max_rejects, "Publish in spite of so many refused rows")
      ->capture_default_str();
  app.add_option("--threads", options.threads, "Threads that build indexes; 0: all cores")
      ->capture_default_str();
  app.add_option("--memory-limit", options.memory_limit_mib,
                 "MiB of rows in memory at most; 0: no limit")
      ->capture_default_str();
  app.add_option("--progress", options.progress,
                 "auto, none, text (a line every 10 s) or json (a line a second)")
      ->check(CLI::IsMember({"auto", "none", "text", "json"}))
      ->capture_default_str();
  app.add_flag("--quiet", options.quiet, "No progress and no summary");
  app.footer(
      "Exit codes: 0 published, 64 usage, 65 bad data or too many rejects (nothing published), 66 "
      "a file is\n"
      "missing, 73 cannot create, 74 I/O or damage, 75 the directory is locked, 78 not a "
      "database.");
}

ProgressStyle Style(const Options& options, const LoadStreams& streams) {
  if (options.quiet || options.progress == "none") {
    return ProgressStyle::kNone;
  }
  if (options.progress == "json") {
    return ProgressStyle::kJson;
  }
  return options.progress == "auto" && streams.error_is_terminal ? ProgressStyle::kTerminal
                                                                 : ProgressStyle::kLines;
}

// The schema of a collection that does not exist yet: one vector, as wide as the file's.
absl::StatusOr<CollectionSchema> NewSchema(const Options& options, const RowInput& input) {
  const std::optional<DistanceMetric> metric = ParseDistanceMetric(options.metric);
  if (!metric.has_value()) {
    return absl::InvalidArgumentError(
        absl::StrCat("unknown metric '", options.metric, "'; it is cosine, l2 or dot"));
  }
  const std::optional<VectorElement> element = ParseVectorElement(options.element);
  if (!element.has_value()) {
    return absl::InvalidArgumentError(
        absl::StrCat("unknown element '", options.element, "'; it is f32 or f16"));
  }
  if (input.dimension() == 0) {
    return absl::NotFoundError(
        absl::StrCat("collection '", options.collection,
                     "' does not exist, and without --vectors its dimension is not known; "
                     "create it first: perigee --uri DIR create NAME --dimension N"));
  }
  CollectionSchema schema;
  schema.vectors.push_back({.name = options.input.vector_name,
                            .dimension = input.dimension(),
                            .metric = *metric,
                            .element = *element});
  return schema;
}

class Load {
 public:
  Load(const Options& options, const LoadStreams& streams)
      : options_(options),
        streams_(streams),
        progress_(streams.error, Style(options, streams)),
        rejects_(options.rejects, streams.error) {}

  absl::Status Run() {
    const auto started = std::chrono::steady_clock::now();
    PERIGEE_ASSIGN_OR_RETURN(input_, RowInput::Open(options_.input));
    OpenOptions open = {.access = Access::Unrestricted()};
    open.maintenance_threads = 0;  // the loader builds its own segments
    open.recovery_mode = false;
    PERIGEE_ASSIGN_OR_RETURN(database_, Database::Open(options_.directory, open));
    absl::Status status = LoadInto();
    progress_.Finish();
    if (status.ok()) {
      status = database_->Close();
    } else if (created_) {
      // Nothing half done: a collection made for this load goes with it.
      const absl::Status dropped = database_->DropCollection(options_.collection);
      if (!dropped.ok()) {
        streams_.error << "perigee-load: " << std::string(dropped.message()) << "\n";
      }
    }
    PERIGEE_RETURN_IF_ERROR(status);
    PrintSummary(std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count());
    return absl::OkStatus();
  }

 private:
  absl::Status LoadInto() {
    PERIGEE_RETURN_IF_ERROR(PrepareCollection());
    BulkLoadOptions bulk;
    bulk.build_threads = options_.threads;
    bulk.memory_bytes_max = options_.memory_limit_mib << 20U;
    bulk.on_progress = [this](const BulkLoadProgress& progress) {
      BulkLoadProgress shown = progress;
      if (shown.rows_total == 0) {
        shown.rows_total = input_->rows_expected();
      }
      progress_.Update(shown);
    };
    PERIGEE_ASSIGN_OR_RETURN(const auto loader,
                             BulkLoader::Start(*database_, options_.collection, bulk));
    const absl::Status read = ReadRows(*loader);
    PERIGEE_RETURN_IF_ERROR(rejects_.Close());
    PERIGEE_RETURN_IF_ERROR(read);
    PERIGEE_ASSIGN_OR_RETURN(report_, loader->Publish());
    return absl::OkStatus();
  }

  absl::Status PrepareCollection() {
    PERIGEE_ASSIGN_OR_RETURN(const bool exists, database_->CollectionExists(options_.collection));
    if (exists) {
      return absl::OkStatus();
    }
    PERIGEE_ASSIGN_OR_RETURN(const CollectionSchema schema, NewSchema(options_, *input_));
    PERIGEE_RETURN_IF_ERROR(database_->CreateCollection(options_.collection, schema).status());
    created_ = true;
    return absl::OkStatus();
  }

  absl::Status ReadRows(BulkLoader& loader) {
    InputRow row;
    while (true) {
      PERIGEE_ASSIGN_OR_RETURN(const bool more, input_->Next(row));
      if (!more) {
        break;
      }
      if (row.status.ok()) {
        row.status = loader.Add(std::move(row.point));
      }
      if (row.status.ok()) {
        continue;
      }
      const absl::StatusCode code = row.status.code();
      if (code != absl::StatusCode::kInvalidArgument && code != absl::StatusCode::kAlreadyExists) {
        return WithContext(row.status, absl::StrCat("row ", row.row));
      }
      PERIGEE_RETURN_IF_ERROR(rejects_.Add(row));
      if (rejects_.count() > options_.max_rejects + kRejectsShownBeyondLimit) {
        break;
      }
    }
    if (rejects_.count() > options_.max_rejects) {
      return absl::InvalidArgumentError(absl::StrCat(
          rejects_.count(), " rows were refused, --max-rejects allows ", options_.max_rejects,
          "; nothing was published",
          options_.rejects.empty() ? ""
                                   : absl::StrCat("; the rows are in '", options_.rejects, "'")));
    }
    return absl::OkStatus();
  }

  void PrintSummary(double seconds) {
    if (options_.quiet) {
      return;
    }
    streams_.output << absl::StrFormat(
        "published %d rows in %d segments, %d refused, %.1f s, %.0f rows/s (seq %d)\n",
        report_.rows, report_.segments, rejects_.count(), seconds,
        static_cast<double>(report_.rows) / std::max(seconds, 1e-9), report_.seq);
  }

  const Options& options_;
  const LoadStreams& streams_;
  ProgressPrinter progress_;
  RejectFile rejects_;
  std::unique_ptr<RowInput> input_;
  std::unique_ptr<Database> database_;
  BulkLoadReport report_;
  bool created_ = false;
};

}  // namespace

int RunPerigeeLoad(const std::vector<std::string>& arguments, const LoadStreams& streams) {
  CLI::App app(
      "Fill a collection from files: finished, checksummed, searchable segments, published all at "
      "once.",
      "perigee-load");
  Options options;
  Declare(app, options);
  try {
    app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error, streams.output, streams.error);
    return code == 0 ? 0 : static_cast<int>(ExitCode::kUsage);
  }
  options.input.ids_are_row_numbers = options.ids == "rownum";
  const absl::Status status = Load(options, streams).Run();
  if (!status.ok()) {
    streams.error << "perigee-load: " << std::string(status.message()) << "\n";
  }
  return static_cast<int>(ExitCodeOf(status));
}

}  // namespace perigee::tools
