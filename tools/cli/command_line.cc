// SPDX-License-Identifier: Apache-2.0
#include "tools/cli/command_line.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <functional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "perigee/model/exit_code.h"
#include "perigee/version.h"
#include "storage/foundation/error_reason.h"
#include "tools/cli/database_target.h"
#include "tools/cli/output.h"
#include "tools/cli/verbs.h"

namespace perigee::tools {
namespace {

struct Options {
  std::string uri;
  bool json = false;
  TargetOptions target;
  CreateOptions create;
  std::string collection;  // describe, drop, count
  std::string filter;      // count
  bool yes = false;
  UpsertOptions upsert;
  IdsOptions ids;
  QueryOptions query;
  ScrollOptions scroll;
  std::string from;  // restore
  std::string to;    // snapshot, restore
};

using Verb = std::function<absl::Status(const VerbContext&)>;

constexpr const char* kFilterHelp =
    "Only points that match, e.g. \"lang = 'en' AND year >= 2020\", or the JSON spelling";
constexpr const char* kIdHelp =
    "Ids: 7 is an integer, \"7\" in quotes and everything else a string";

void AddOutputOptions(CLI::App* verb, std::string& with_payload, bool& with_vectors) {
  verb->add_option("--with-payload", with_payload, "all, none, or paths with commas between")
      ->capture_default_str();
  verb->add_flag("--with-vectors", with_vectors, "Also return the vectors");
}

void AddCreate(CLI::App& app, Options& options, Verb& run) {
  CLI::App* verb = app.add_subcommand("create", "Create a collection");
  verb->add_option("name", options.create.name, "Name of the collection")->required();
  verb->add_option("--dimension", options.create.dimension, "Dimension of the unnamed vector");
  verb->add_option("--metric", options.create.metric, "cosine, l2 or dot")->capture_default_str();
  verb->add_option("--element", options.create.element, "f32 or f16: how vectors are stored")
      ->capture_default_str();
  verb->add_option("--vector", options.create.vectors,
                   "A named vector NAME:DIMENSION[:METRIC[:ELEMENT]]; repeatable");
  verb->add_option("--m", options.create.m, "HNSW links per node")->capture_default_str();
  verb->add_option("--ef-construction", options.create.ef_construction,
                   "HNSW candidates while building")
      ->capture_default_str();
  verb->callback([&options, &run] {
    options.target.create_if_missing = true;
    run = [&options](const VerbContext& context) { return RunCreate(context, options.create); };
  });
}

void AddCatalogVerbs(CLI::App& app, Options& options, Verb& run) {
  CLI::App* describe = app.add_subcommand("describe", "Schema, size and state of a collection");
  describe->add_option("collection", options.collection)->required();
  describe->callback([&] {
    run = [&](const VerbContext& context) { return RunDescribe(context, options.collection); };
  });

  CLI::App* list = app.add_subcommand("list", "List the collections");
  list->callback([&] { run = [](const VerbContext& context) { return RunList(context); }; });

  CLI::App* drop = app.add_subcommand("drop", "Drop a collection and all its points");
  drop->add_option("collection", options.collection)->required();
  drop->add_flag("--yes", options.yes, "Do it without asking");
  drop->callback([&] {
    run = [&](const VerbContext& context) { return RunDrop(context, options.collection); };
  });

  CLI::App* status = app.add_subcommand("status", "State of the database");
  status->callback([&] { run = [](const VerbContext& context) { return RunStatus(context); }; });
}

void AddWriteVerbs(CLI::App& app, Options& options, Verb& run) {
  CLI::App* upsert =
      app.add_subcommand("upsert", "Write points from JSONL, or one point from options");
  upsert->add_option("collection", options.upsert.collection)->required();
  upsert->add_option(
      "file", options.upsert.file,
      "JSONL: {\"id\": …, \"payload\": {…}, \"vector\": […]} a line; - or nothing: standard input");
  upsert
      ->add_option("--mode", options.upsert.mode,
                   "upsert, insert (fail if the id exists) or update (fail if it does not)")
      ->capture_default_str();
  upsert->add_option("--batch", options.upsert.batch, "Points per atomic batch")
      ->capture_default_str();
  CLI::Option* id = upsert->add_option("--id", options.upsert.id, "Id of one point");
  CLI::Option* vector =
      upsert->add_option("--vector", options.upsert.vector, "@FILE.npy[ROW], [0.1, …] or -");
  upsert->add_option("--payload", options.upsert.payload, "A JSON object")->needs(id);
  vector->needs(id);
  id->needs(vector);
  upsert->callback([&] {
    run = [&](const VerbContext& context) { return RunUpsert(context, options.upsert); };
  });

  CLI::App* remove = app.add_subcommand("delete", "Delete points by id");
  remove->add_option("collection", options.ids.collection)->required();
  remove->add_option("ids", options.ids.ids, kIdHelp)->required();
  remove->callback(
      [&] { run = [&](const VerbContext& context) { return RunDelete(context, options.ids); }; });
}

void AddQueryOptions(CLI::App* verb, QueryOptions& query) {
  verb->add_option("collection", query.collection)->required();
  CLI::Option* vector = verb->add_option("--vector", query.vector,
                                         "@FILE.npy[ROW], [0.1, …] or - for standard input");
  verb->add_option("--like", query.like,
                   "Near the stored point of this id, which the answer leaves out")
      ->excludes(vector);
  verb->add_option("--using", query.using_vector, "Name of the vector to search");
  verb->add_option("--limit", query.limit, "Hits to return")->capture_default_str();
  verb->add_option("--offset", query.offset, "Hits to skip")->capture_default_str();
  verb->add_option("--filter", query.filter, kFilterHelp);
  verb->add_option("--score-threshold", query.score_threshold,
                   "Keep hits with at least this score");
  verb->add_option("--recall", query.recall, "Recall to aim at")->capture_default_str();
  verb->add_flag("--exact", query.exact, "Compare with every matching vector");
  verb->add_option("--ef", query.ef, "Candidates kept in graph search (for experts)");
  verb->add_option("--timeout-ms", query.timeout_ms, "Give up after this time")
      ->capture_default_str();
  AddOutputOptions(verb, query.with_payload, query.with_vectors);
}

void AddReadVerbs(CLI::App& app, Options& options, Verb& run) {
  CLI::App* get = app.add_subcommand("get", "Points by id");
  get->add_option("collection", options.ids.collection)->required();
  get->add_option("ids", options.ids.ids, kIdHelp)->required();
  AddOutputOptions(get, options.ids.with_payload, options.ids.with_vectors);
  get->callback(
      [&] { run = [&](const VerbContext& context) { return RunGet(context, options.ids); }; });

  CLI::App* query = app.add_subcommand("query", "The nearest points");
  AddQueryOptions(query, options.query);
  query->callback(
      [&] { run = [&](const VerbContext& context) { return RunQuery(context, options.query); }; });

  CLI::App* explain = app.add_subcommand("explain", "How a query would be answered, and why");
  AddQueryOptions(explain, options.query);
  explain->callback([&] {
    run = [&](const VerbContext& context) { return RunExplain(context, options.query); };
  });

  CLI::App* count = app.add_subcommand("count", "How many points match");
  count->add_option("collection", options.collection)->required();
  count->add_option("--filter", options.filter, kFilterHelp);
  count->callback([&] {
    run = [&](const VerbContext& context) {
      return RunCount(context, options.collection, options.filter);
    };
  });

  CLI::App* scroll = app.add_subcommand("scroll", "Points in the order of their ids, page by page");
  scroll->add_option("collection", options.scroll.collection)->required();
  scroll->add_option("--limit", options.scroll.limit, "Points a page")->capture_default_str();
  scroll->add_flag("--all", options.scroll.all, "All points as JSONL that `upsert` reads back");
  scroll->add_option("--filter", options.scroll.filter, kFilterHelp);
  scroll->add_option("--cursor", options.scroll.cursor, "Where the page before ended");
  AddOutputOptions(scroll, options.scroll.with_payload, options.scroll.with_vectors);
  scroll->callback([&] {
    run = [&](const VerbContext& context) { return RunScroll(context, options.scroll); };
  });
}

void AddSnapshotVerbs(CLI::App& app, Options& options, Verb& run) {
  CLI::App* snapshot = app.add_subcommand(
      "snapshot", "Write the database as it is now into a new directory, while it is in use");
  snapshot
      ->add_option("to", options.to,
                   "New directory; with a server, a name below its --snapshot-dir")
      ->required();
  snapshot->callback(
      [&] { run = [&](const VerbContext& context) { return RunSnapshot(context, options.to); }; });

  CLI::App* restore = app.add_subcommand(
      "restore", "Make a new database directory from a snapshot, with every byte checked");
  restore->add_option("from", options.from, "Directory of the snapshot")->required();
  restore->add_option("to", options.to, "New directory")->required();
}

// A person is asked; a script must say --yes.
absl::Status ConfirmDrop(const Options& options, const CommandStreams& streams) {
  if (options.yes) {
    return absl::OkStatus();
  }
  if (isatty(STDIN_FILENO) == 1 && isatty(STDERR_FILENO) == 1) {
    streams.error << "drop collection " << options.collection
                  << " and all its points? type its name: ";
    std::string answer;
    std::getline(streams.input, answer);
    if (answer == options.collection) {
      return absl::OkStatus();
    }
  }
  return absl::InvalidArgumentError(absl::StrCat("dropping '", options.collection,
                                                 "' removes all its points; confirm with --yes"));
}

int Finish(const absl::Status& status, const CommandStreams& streams) {
  if (!status.ok()) {
    streams.error << "perigee: " << std::string(status.message()) << "\n";
  }
  return static_cast<int>(ExitCodeOf(status));
}

absl::Status RunVerb(const Options& options, const Verb& verb, const CommandStreams& streams) {
  absl::StatusOr<std::unique_ptr<DatabaseTarget>> target = OpenTarget(options.uri, options.target);
  if (!target.ok()) {
    return target.status();
  }
  const absl::Status status =
      verb({.target = **target,
            .format = options.json ? OutputFormat::kJson : OutputFormat::kTable,
            .streams = streams});
  const absl::Status closed = (*target)->Close();
  return status.ok() ? closed : status;
}

}  // namespace

int RunPerigee(const std::vector<std::string>& arguments, const CommandStreams& streams) {
  CLI::App app(
      "Perigee: store vectors with their payload and find the nearest ones, under a filter.",
      "perigee");
  Options options;
  Verb verb;
  app.require_subcommand(1);
  app.set_version_flag("--version", [] { return VersionLine("perigee"); });
  app.add_option(
         "--uri", options.uri,
         "perigee://HOST:PORT, unix:PATH, or a database directory (environment: PERIGEE_URI)")
      ->envname("PERIGEE_URI");
  app.add_flag("--json", options.json, "Print JSON instead of tables");
  app.add_flag(
      "--read-only", options.target.read_only,
      "Directory: take no lock and show the last published state (beside a running server)");
  app.add_option("--io-backend", options.target.io_backend, "Directory: auto, posix or uring")
      ->capture_default_str();
  app.fallthrough();
  app.footer(
      "Exit codes: 0 done, 64 usage, 65 bad data, 66 not found, 69 cannot connect, 74 I/O or "
      "damage,\n"
      "75 try again later, 77 not allowed, 78 configuration. Environment: PERIGEE_URI.");
  AddCreate(app, options, verb);
  AddCatalogVerbs(app, options, verb);
  AddWriteVerbs(app, options, verb);
  AddReadVerbs(app, options, verb);
  AddSnapshotVerbs(app, options, verb);
  try {
    app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error, streams.output, streams.error);
    return code == 0 ? 0 : static_cast<int>(ExitCode::kUsage);
  }
  if (app.got_subcommand("restore")) {
    const OutputFormat format = options.json ? OutputFormat::kJson : OutputFormat::kTable;
    return Finish(RunRestore(streams, format, options.from, options.to), streams);
  }
  if (options.uri.empty()) {
    streams.error << "perigee: --uri is required: perigee://HOST:PORT, unix:PATH or a database "
                     "directory (or set PERIGEE_URI)\n";
    return static_cast<int>(ExitCode::kUsage);
  }
  if (app.got_subcommand("drop")) {
    if (const absl::Status status = ConfirmDrop(options, streams); !status.ok()) {
      streams.error << "perigee: " << std::string(status.message()) << "\n";
      return static_cast<int>(ExitCode::kUsage);
    }
  }
  return Finish(RunVerb(options, verb, streams), streams);
}

}  // namespace perigee::tools
