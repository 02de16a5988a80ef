// SPDX-License-Identifier: Apache-2.0
#include "bench/wal_bench.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "bench/harness/server_under_test.h"
#include "perigee/client/connection.h"
#include "perigee/database.h"
#include "storage/foundation/status_macros.h"
#include "storage/io/aligned_buffer.h"
#include "storage/io/posix_file_system.h"
#include "storage/layout/data_directory.h"
#include "storage/wal/log_recovery.h"

namespace perigee::bench {
namespace {

constexpr size_t kBlockBytes = 4096;
constexpr uint64_t kRawFileBytes = uint64_t{64} << 20;
constexpr std::chrono::milliseconds kTurn{200};
constexpr std::array<int, 3> kWriters = {1, 8, 64};
constexpr uint32_t kDimension = 32;

using Clock = std::chrono::steady_clock;

double MicrosecondsSince(Clock::time_point start) {
  return std::chrono::duration<double, std::micro>(Clock::now() - start).count();
}

// The disk alone: 4 KiB at a time over a file whose blocks exist and were flushed.
class RawDisk {
 public:
  static absl::StatusOr<std::unique_ptr<RawDisk>> Make(const std::string& path) {
    std::unique_ptr<RawDisk> disk(new RawDisk());
    PERIGEE_ASSIGN_OR_RETURN(
        disk->file_, disk->file_system_.Open(
                         path, {.mode = storage::OpenMode::kCreateExclusive, .direct = true}));
    storage::AlignedBuffer zeros(size_t{1} << 20);
    for (uint64_t offset = 0; offset < kRawFileBytes; offset += zeros.size()) {
      PERIGEE_RETURN_IF_ERROR(disk->file_->Write(offset, zeros.bytes()));
    }
    PERIGEE_RETURN_IF_ERROR(disk->file_->Sync());
    std::fill(disk->block_.bytes().begin(), disk->block_.bytes().end(), std::byte{0x5A});
    return disk;
  }

  absl::Status Turn(std::vector<double>& times) {
    for (const Clock::time_point end = Clock::now() + kTurn; Clock::now() < end;) {
      const Clock::time_point start = Clock::now();
      PERIGEE_RETURN_IF_ERROR(file_->Write(offset_, block_.bytes()));
      PERIGEE_RETURN_IF_ERROR(file_->Sync());
      times.push_back(MicrosecondsSince(start));
      offset_ = (offset_ + kBlockBytes) % kRawFileBytes;
    }
    return absl::OkStatus();
  }

 private:
  RawDisk() : block_(kBlockBytes) {}

  storage::PosixFileSystem file_system_;
  std::unique_ptr<storage::File> file_;
  storage::AlignedBuffer block_;
  uint64_t offset_ = 0;
};

Point SmallPoint(uint64_t number) {
  Point point;
  point.id = PointId(number);
  std::vector<float> values(kDimension);
  for (size_t i = 0; i < values.size(); ++i) {
    values[i] = static_cast<float>((number * 31 + i * 17) % 101) / 101.0F;
  }
  point.vectors[""] = std::move(values);
  point.payload.emplace_back("n", static_cast<int64_t>(number));
  return point;
}

CollectionSchema SmallSchema() {
  CollectionSchema schema;
  schema.vectors.push_back({.dimension = kDimension, .metric = DistanceMetric::kL2});
  return schema;
}

// One acknowledged write; called by writer `writer` alone.
using Write = std::function<absl::Status(int writer, const UpsertRequest& request)>;

// So many threads that each wait for one write before they send the next, in turns.
class Crowd {
 public:
  Crowd(int writers, const Write& write) : times_(static_cast<size_t>(writers)) {
    for (int writer = 0; writer < writers; ++writer) {
      threads_.emplace_back([this, writer, &write] { Run(writer, write); });
    }
  }
  ~Crowd() {
    {
      const absl::MutexLock lock(&mutex_);
      ended_ = true;
    }
    for (std::thread& thread : threads_) {
      thread.join();
    }
  }
  Crowd(const Crowd&) = delete;
  Crowd& operator=(const Crowd&) = delete;

  // Everybody writes for one turn; returns when the last answer is there.
  absl::Status Turn() {
    const absl::MutexLock lock(&mutex_);
    end_ = Clock::now() + kTurn;
    working_ = static_cast<int>(threads_.size());
    ++turn_;
    mutex_.Await(absl::Condition(
        +[](int* working) { return *working == 0; }, &working_));
    return failure_;
  }

  std::vector<double> Times() const {
    std::vector<double> all;
    for (const std::vector<double>& one : times_) {
      all.insert(all.end(), one.begin(), one.end());
    }
    return all;
  }

 private:
  void Run(int writer, const Write& write) {
    // Numbers of different writers do not meet.
    uint64_t number = static_cast<uint64_t>(writer) << 32U;
    uint64_t seen = 0;
    const absl::MutexLock lock(&mutex_);
    while (true) {
      const auto due = [this, &seen] { return ended_ || turn_ != seen; };
      mutex_.Await(absl::Condition(&due));
      if (ended_) {
        return;
      }
      seen = turn_;
      const Clock::time_point end = end_;
      mutex_.Unlock();
      const absl::Status status = WriteUntil(end, writer, write, number);
      mutex_.Lock();
      failure_.Update(status);
      --working_;
    }
  }

  absl::Status WriteUntil(Clock::time_point end, int writer, const Write& write, uint64_t& number) {
    std::vector<double>& times = times_[static_cast<size_t>(writer)];
    while (Clock::now() < end) {
      UpsertRequest request;
      request.points.push_back(SmallPoint(number++));
      const Clock::time_point start = Clock::now();
      PERIGEE_RETURN_IF_ERROR(write(writer, request));
      times.push_back(MicrosecondsSince(start));
    }
    return absl::OkStatus();
  }

  std::vector<std::vector<double>> times_;
  absl::Mutex mutex_;
  Clock::time_point end_;
  uint64_t turn_ = 0;
  int working_ = 0;
  bool ended_ = false;
  absl::Status failure_;
  std::vector<std::thread> threads_;
};

struct GroupCount {
  uint64_t groups = 0;
  uint64_t records = 0;
};

// Each group of records was one write and one fdatasync.
absl::StatusOr<GroupCount> CountGroups(const std::string& directory) {
  storage::PosixFileSystem file_system;
  PERIGEE_ASSIGN_OR_RETURN(
      const auto opened, storage::DataDirectory::Open(file_system, directory, {.read_only = true}));
  GroupCount count;
  storage::RecoveryRequest request;
  request.deliver = [&count](const storage::LogGroup& group) {
    ++count.groups;
    count.records += group.count();
    return absl::OkStatus();
  };
  PERIGEE_RETURN_IF_ERROR(storage::RecoverLog(*opened, request).status());
  return count;
}

class WalBench {
 public:
  WalBench(const WalOptions& options, RawDisk& disk, Figures& figures)
      : options_(options), disk_(disk), figures_(figures) {}

  absl::Status Embedded(int writers) {
    const std::string directory = DirectoryOf("embedded", writers);
    PERIGEE_ASSIGN_OR_RETURN(const auto database,
                             Database::Open(directory, {.access = Access::Unrestricted()}));
    PERIGEE_ASSIGN_OR_RETURN(Collection collection,
                             database->CreateCollection("bench", SmallSchema()));
    const Write write = [&collection](int /*writer*/, const UpsertRequest& request) {
      return collection.Upsert(request).status();
    };
    PERIGEE_RETURN_IF_ERROR(Measure("embedded", writers, write));
    PERIGEE_RETURN_IF_ERROR(database->Close());
    return ReportGroups("embedded", writers, directory);
  }

  // Every writer is a client with a connection of its own.
  absl::Status OverRpc(int writers) {
    const std::string directory = DirectoryOf("rpc", writers);
    PERIGEE_ASSIGN_OR_RETURN(const std::string address, FreeLoopbackAddress());
    ServerUnderTest server(options_.server, directory, address);
    std::vector<std::unique_ptr<client::Connection>> connections;
    std::vector<client::RemoteCollection> collections;
    for (int writer = 0; writer < writers; ++writer) {
      PERIGEE_ASSIGN_OR_RETURN(auto connection, ConnectSoon(address));
      PERIGEE_ASSIGN_OR_RETURN(client::RemoteCollection collection,
                               writer == 0 ? connection->CreateCollection("bench", SmallSchema())
                                           : connection->OpenCollection("bench"));
      connections.push_back(std::move(connection));
      collections.push_back(std::move(collection));
    }
    const Write write = [&collections](int writer, const UpsertRequest& request) {
      return collections[static_cast<size_t>(writer)].Upsert(request).status();
    };
    PERIGEE_RETURN_IF_ERROR(Measure("rpc", writers, write));
    if (writers == 1) {
      PERIGEE_RETURN_IF_ERROR(MeasureRoundTrip(*connections.front()));
    }
    collections.clear();
    connections.clear();
    server.Stop();
    return ReportGroups("rpc", writers, directory);
  }

 private:
  std::string DirectoryOf(const char* mode, int writers) const {
    return absl::StrCat(options_.work, "/", mode, "-", writers);
  }

  absl::Status Measure(const char* mode, int writers, const Write& write) {
    std::vector<double> raw;
    std::vector<double> times;
    {
      Crowd crowd(writers, write);
      const auto turns = static_cast<int>(options_.seconds * 1000 / kTurn.count());
      for (int turn = 0; turn < std::max(turns, 1); ++turn) {
        PERIGEE_RETURN_IF_ERROR(disk_.Turn(raw));
        PERIGEE_RETURN_IF_ERROR(crowd.Turn());
      }
      times = crowd.Times();
    }
    const double turns_seconds = options_.seconds;
    const std::string name = absl::StrCat("wal.", mode, ".", writers);
    const auto add = [&](const char* what, double share) {
      figures_.Add({.name = absl::StrCat(name, what),
                    .value = Percentile(times, share),
                    .unit = "us",
                    .peer = absl::StrCat("raw", what),
                    .peer_value = Percentile(raw, share)});
    };
    add(".p50", 0.5);
    add(".p99", 0.99);
    figures_.Add({.name = name + ".rate",
                  .value = static_cast<double>(times.size()) / turns_seconds,
                  .unit = "batches/s"});
    return absl::OkStatus();
  }

  // The way of a request without the disk: the same threads, a question instead of a write.
  absl::Status MeasureRoundTrip(const client::Connection& connection) {
    std::vector<double> raw;
    std::vector<double> times;
    for (int turn = 0; turn < 5; ++turn) {
      PERIGEE_RETURN_IF_ERROR(disk_.Turn(raw));
      for (const Clock::time_point end = Clock::now() + kTurn; Clock::now() < end;) {
        const Clock::time_point start = Clock::now();
        PERIGEE_RETURN_IF_ERROR(connection.CollectionExists("bench").status());
        times.push_back(MicrosecondsSince(start));
      }
    }
    figures_.Add({.name = "rpc.round_trip_without_write.p50",
                  .value = Percentile(times, 0.5),
                  .unit = "us",
                  .peer = "raw.p50",
                  .peer_value = Percentile(raw, 0.5)});
    return absl::OkStatus();
  }

  absl::Status ReportGroups(const char* mode, int writers, const std::string& directory) {
    PERIGEE_ASSIGN_OR_RETURN(const GroupCount count, CountGroups(directory));
    figures_.Add({.name = absl::StrCat("wal.", mode, ".", writers, ".batches_per_sync"),
                  .value = static_cast<double>(count.records) /
                           static_cast<double>(std::max<uint64_t>(count.groups, 1)),
                  .unit = ""});
    return absl::OkStatus();
  }

  const WalOptions& options_;
  RawDisk& disk_;
  Figures& figures_;
};

}  // namespace

absl::Status RunWal(const WalOptions& options, Figures& figures) {
  std::error_code error;
  if (!std::filesystem::create_directory(options.work, error)) {
    return absl::UnavailableError(
        absl::StrCat("cannot create '", options.work, "': ", error.message()));
  }
  PERIGEE_ASSIGN_OR_RETURN(const std::unique_ptr<RawDisk> disk,
                           RawDisk::Make(options.work + "/raw"));
  WalBench bench(options, *disk, figures);
  for (const int writers : kWriters) {
    PERIGEE_RETURN_IF_ERROR(bench.Embedded(writers));
    if (!options.server.empty()) {
      PERIGEE_RETURN_IF_ERROR(bench.OverRpc(writers));
    }
  }
  return absl::OkStatus();
}

}  // namespace perigee::bench
