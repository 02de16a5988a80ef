// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <string>

#include "bench/harness/figures.h"
#include "bench/modes_bench.h"
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
  CLI11_PARSE(app, argc, argv);
  if (quick && modes.rows_max == 0) {
    modes.rows_max = 30'000;
  }
  if (std::filesystem::exists(work)) {
    std::cerr << "perigee-bench: '" << work << "' exists; name a directory that does not\n";
    return static_cast<int>(perigee::ExitCode::kCannotCreate);
  }
  modes.work = wal.work = work;
  modes.server = wal.server = server;
  perigee::bench::Figures figures;
  const absl::Status status = wal_verb->parsed() ? perigee::bench::RunWal(wal, figures)
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
