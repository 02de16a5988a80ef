// SPDX-License-Identifier: Apache-2.0
// A host process to be killed: applies the operations of one seeded stream to a collection and
// prints, after each answer, how many have been answered. When storage fails, it prints that it was
// told and how many points it can still read, and ends with 0. The tests of kills, power cuts and
// storage failures read that.
#include <cstdio>
#include <cstdlib>
#include <string>

#include "perigee/database.h"
#include "storage/foundation/error_reason.h"
#include "tests/support/operation_stream.h"

namespace perigee::tests {
namespace {

// More than a test waits for.
constexpr uint64_t kOperationsMax = 20'000;

int Run(const std::string& directory, uint64_t seed, uint64_t skip, const std::string& backend) {
  OpenOptions options = {.access = Access::Unrestricted()};
  options.io_backend = backend == "posix" ? IoBackend::kPosix : IoBackend::kAuto;
  options.creation = {.log_file_bytes = 256U << 10U, .section_alignment_bytes = 4U << 10U};
  options.growing_segment_bytes_max = 128U << 10U;  // seal often
  options.on_storage_failed = [](const absl::Status&) { std::puts("storage failed"); };
  options.recovery_mode = false;  // its killer kills it while it opens as well
  auto database = Database::Open(directory, options);
  if (!database.ok()) {
    std::fprintf(stderr, "open: %s\n", database.status().ToString().c_str());
    return 1;
  }
  auto collection = (*database)->OpenCollection("docs");
  if (!collection.ok()) {
    collection = (*database)->CreateCollection("docs", SystemTestSchema());
  }
  OperationStream stream(SystemTestSchema(), {.seed = seed, .ids = 200});
  for (uint64_t i = 0; i < skip; ++i) {
    stream.NextWrite();
  }
  std::puts("ready");
  std::fflush(stdout);
  for (uint64_t count = skip + 1; count < skip + kOperationsMax; ++count) {
    const WriteOperation operation = stream.NextWrite();
    absl::Status status;
    if (const auto* upsert = std::get_if<UpsertRequest>(&operation)) {
      status = collection->Upsert(*upsert).status();
    } else {
      status = collection->Delete(std::get<DeleteRequest>(operation)).status();
    }
    const bool refused_by_mode = status.code() == absl::StatusCode::kAlreadyExists ||
                                 status.code() == absl::StatusCode::kNotFound;
    if (GetErrorReason(status) == ErrorReason::kStorageFailed) {
      const auto readable = collection->Count({});
      std::printf("reads on: %llu\n",
                  static_cast<unsigned long long>(readable.ok() ? readable->count : 0));
      return 0;
    }
    if (!status.ok() && !refused_by_mode) {
      std::fprintf(stderr, "write: %s\n", status.ToString().c_str());
      return 1;
    }
    std::printf("%llu\n", static_cast<unsigned long long>(count));
    std::fflush(stdout);
  }
  return 0;
}

}  // namespace
}  // namespace perigee::tests

int main(int argc, char** argv) {
  if (argc != 5) {
    std::fprintf(stderr, "usage: perigee_embedded_writer DIRECTORY SEED SKIP BACKEND\n");
    return 64;
  }
  return perigee::tests::Run(argv[1], std::strtoull(argv[2], nullptr, 10),
                             std::strtoull(argv[3], nullptr, 10), argv[4]);
}
