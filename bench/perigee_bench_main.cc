// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <string>

#include "bench/harness/figures.h"
#include "bench/modes_bench.h"
#include "bench/recovery_bench.h"
#include "bench/wal_bench.h"
#include "perigee/model/exit_code.h"
#include "perigee/version.h"

int main(int argc, char** argv) {
  CLI::App app("Measures Perigee beside other engines, on the same data in the same run.",
               "perigee-bench");
  app.require_subcommand(1);
  app.set_version_flag("--version", [] { return perigee::VersionLine("perigee-bench"); });
  std::string json;
  std::string work;
  std::string server;
  bool quick = false;
  app.add_option("--json", json, "Also write the figures to this file");
  app.add_flag("--quick", quick, "A subset that ends within ten minutes");
  app.fallthrough();
  perigee::bench::ModesOptions modes;
  CLI::App* modes_verb = app.add_subcommand(
      "modes", "Load, then ask embedded and through a server; hnswlib beside it");
  modes_verb->add_option("--dataset", modes.dataset, "Directory made by bench/datasets/make")
      ->required();
  modes_verb->add_option("--work", work, "Directory for the database; must not exist")->required();
  modes_verb->add_option("--server", server,
                         "Path of perigeed; without it the server is not measured");
  modes_verb->add_option("--rows", modes.rows_max, "Rows to load at most; 0: all");
  modes_verb->add_option("--questions", modes.questions_max,
                         "Questions at most; half of them warm up");
  modes_verb->add_flag("!--no-hnswlib", modes.with_hnswlib, "Without the peer");
  perigee::bench::WalOptions wal;
  CLI::App* wal_verb = app.add_subcommand(
      "wal", "Small durable upserts by 1, 8 and 64 writers; plain write + fdatasync beside them");
  wal_verb->add_option("--work", work, "Directory for the databases; must not exist")->required();
  wal_verb->add_option("--server", server,
                       "Path of perigeed; without it the server is not measured");
  wal_verb->add_option("--seconds", wal.seconds, "Seconds of writing per row of the table")
      ->capture_default_str();
  perigee::bench::RecoveryOptions recovery;
  CLI::App* recovery_verb = app.add_subcommand(
      "recovery", "Opening after a kill with a log to replay, and after a clean close");
  recovery_verb->add_option("--work", work, "Directory for the databases")->required();
  recovery_verb->add_option("--dataset", recovery.dataset,
                            "Directory with base.npy; without it vectors in random clusters");
  recovery_verb->add_option("--dimension", recovery.dimension,
                            "Use the first so many components; 0: all, or 128 for clusters");
  recovery_verb->add_option("--rows", recovery.rows, "Rows in segments; 0: without that part")
      ->capture_default_str();
  recovery_verb->add_option("--log-bytes", recovery.log_bytes, "Bytes of log; 0: without that part")
      ->capture_default_str();
  recovery_verb->add_flag("--reuse", recovery.reuse, "Open segments that an earlier run left");
  CLI11_PARSE(app, argc, argv);
  if (quick && modes.rows_max == 0) {
    modes.rows_max = 30'000;
  }
  if (!recovery_verb->parsed() && std::filesystem::exists(work)) {
    std::cerr << "perigee-bench: '" << work << "' exists; name a directory that does not\n";
    return static_cast<int>(perigee::ExitCode::kCannotCreate);
  }
  modes.work = wal.work = recovery.work = work;
  modes.server = wal.server = server;
  perigee::bench::Figures figures;
  const absl::Status status = wal_verb->parsed() ? perigee::bench::RunWal(wal, figures)
                              : recovery_verb->parsed()
                                  ? perigee::bench::RunRecovery(recovery, figures)
                                  : perigee::bench::RunModes(modes, figures);
  figures.PrintTable(std::cout);
  if (!status.ok()) {
    std::cerr << "perigee-bench: " << std::string(status.message()) << "\n";
    return static_cast<int>(perigee::ExitCodeOf(status));
  }
  if (!json.empty()) {
    std::ofstream file(json);
    file << figures.Json();
    if (!file.flush()) {
      std::cerr << "perigee-bench: cannot write '" << json << "'\n";
      return static_cast<int>(perigee::ExitCode::kCannotCreate);
    }
  }
  return 0;
}
