// SPDX-License-Identifier: Apache-2.0
#include "tests/durability/crash_campaign.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <utility>

#include "absl/hash/hash.h"
#include "tests/durability/watched_file_system.h"

namespace perigee::engine {

using storage::SimulatedFileSystem;

/// A moment at which the machine may stop.
struct CrashCampaign::Point {
  uint64_t call = 0;
  uint64_t changes = 0;
  std::unique_ptr<SimulatedFileSystem> disk = {};
  CrashPromise promise = {};

  uint64_t PromiseHash() const {
    uint64_t acknowledged = 0;
    for (const auto& [directory, snapshot] : promise.snapshots) {
      acknowledged += snapshot.acknowledged ? 1 : 0;
    }
    return absl::HashOf(*promise.acknowledged, *promise.attempted, promise.attempted_was_seen,
                        promise.snapshots.size(), acknowledged);
  }
};

namespace {

// Whether a state with this number belongs to a sample of that share.
bool Sampled(uint64_t mix, double share) {
  constexpr double kRange = 18446744073709551616.0;
  return share >= 1 || static_cast<double>(mix) < share * kRange;
}

}  // namespace

CrashCampaign::CrashCampaign(CrashWorkload workload)
    : workload_(std::move(workload)), verdict_(workload_.tuning) {
  points_ = RecordWorkload();
}

CrashCampaign::~CrashCampaign() = default;

CrashCampaign::Points CrashCampaign::RecordWorkload() {
  Points points;
  SimulatedFileSystem disk;
  const CrashScript* running = nullptr;
  std::atomic<bool> recording = true;
  const auto record = [&] {
    auto point = std::make_unique<Point>();
    point->call = disk.calls();
    point->changes = disk.changes();
    point->promise = running->promise();
    const bool same = !points.empty() && points.back()->changes == point->changes &&
                      points.back()->PromiseHash() == point->PromiseHash();
    if (!same) {
      point->disk = disk.KillProcess();
      points.push_back(std::move(point));
    }
  };
  WatchedFileSystem watched(disk, [&] {
    if (recording.load()) {
      record();
    }
  });
  CrashScript script(watched, workload_.tuning);
  running = &script;
  workload_.run(script);
  record();
  recording.store(false);
  REQUIRE_MESSAGE(script.running(), workload_.name, ": ", script.failure().ToString());
  return points;
}

CrashCampaign::Points CrashCampaign::RecordRecovery(const SimulatedFileSystem& crashed,
                                                    const CrashPromise& promise) {
  Points points;
  const auto disk = crashed.KillProcess();
  std::atomic<bool> recording = true;
  const auto record = [&](const CrashPromise& promised) {
    if (points.empty() || points.back()->changes != disk->changes()) {
      auto point = std::make_unique<Point>();
      point->call = disk->calls();
      point->changes = disk->changes();
      point->disk = disk->KillProcess();
      points.push_back(std::move(point));
    }
    points.back()->promise = promised;
  };
  WatchedFileSystem watched(*disk, [&] {
    if (recording.load()) {
      record(promise);
    }
  });
  const auto database = OpenOn(watched, SmallOptions(), workload_.tuning);
  if (database.ok()) {
    // What the recovered database has shown must stay from here on.
    const auto shown = std::make_shared<const World>(ReadWorld(**database));
    record({shown, shown, false, promise.snapshots});
  }
  recording.store(false);
  return points;
}

const CrashCampaign::Point* CrashCampaign::Find(const Points& points, uint64_t call) {
  const Point* found = nullptr;
  for (const std::unique_ptr<Point>& point : points) {
    if (point->call <= call) {
      found = point.get();
    }
  }
  return found;
}

std::unique_ptr<SimulatedFileSystem> CrashCampaign::Fresh(const Point& point, size_t aftermath,
                                                          uint64_t mix) {
  auto disk = AfterCrash(*point.disk, aftermath, mix);
  return judged_.emplace(disk->Fingerprint(), point.PromiseHash()).second ? std::move(disk)
                                                                          : nullptr;
}

bool CrashCampaign::Done(const CrashSampling& sampling) const {
  constexpr uint64_t kWrongMax = 10;  // one bug fails in many states
  return counts().states >= sampling.states_max || counts().wrong() >= kWrongMax;
}

void CrashCampaign::Run(uint64_t seed, const CrashSampling& sampling) {
  for (const std::unique_ptr<Point>& point : points_) {
    for (size_t aftermath = 0; aftermath < Aftermaths().size(); ++aftermath) {
      const CrashState state{workload_.name, seed, point->call, aftermath};
      if (Done(sampling)) {
        return;
      }
      if (!Sampled(state.Mix(), sampling.first)) {
        continue;
      }
      const auto disk = Fresh(*point, aftermath, state.Mix());
      if (disk == nullptr) {
        continue;
      }
      // After a kill the recovery works on what is not on the disk yet, so there is more to lose.
      const double share = sampling.recoveries * (Aftermaths()[aftermath].policy ? 1 : 5);
      if (Sampled(state.Mix() * 0x9E37'79B9'7F4A'7C15ULL, share)) {
        RunRecovery(*disk, point->promise, state, sampling);
      }
      verdict_.Judge(*disk, point->promise, state.Mix(), state.ToString());
    }
  }
}

void CrashCampaign::RunRecovery(const SimulatedFileSystem& crashed, const CrashPromise& promise,
                                CrashState state, const CrashSampling& sampling) {
  const Points points = RecordRecovery(crashed, promise);
  for (const std::unique_ptr<Point>& point : points) {
    state.recovery_call = point->call;
    // Three neighbours in the list, others at each call.
    for (size_t i = 0; i < 3; ++i) {
      state.recovery_aftermath = (point->call + i) % Aftermaths().size();
      if (Done(sampling)) {
        return;
      }
      if (!Sampled(state.Mix(), sampling.in_recovery)) {
        continue;
      }
      if (const auto disk = Fresh(*point, state.recovery_aftermath, state.Mix()); disk != nullptr) {
        verdict_.Judge(*disk, point->promise, state.Mix(), state.ToString());
      }
    }
  }
}

bool CrashCampaign::RunOne(const CrashState& state) {
  CrashState first = state;
  first.recovery_call = std::nullopt;
  first.recovery_aftermath = 0;
  const Point* point = Find(points_, state.call);
  if (point == nullptr) {
    return false;
  }
  const auto disk = AfterCrash(*point->disk, state.aftermath, first.Mix());
  if (!state.recovery_call.has_value()) {
    verdict_.Judge(*disk, point->promise, state.Mix(), state.ToString());
    return true;
  }
  const Points points = RecordRecovery(*disk, point->promise);
  const Point* second = Find(points, *state.recovery_call);
  if (second == nullptr) {
    return false;
  }
  const auto again = AfterCrash(*second->disk, state.recovery_aftermath, state.Mix());
  verdict_.Judge(*again, second->promise, state.Mix(), state.ToString());
  return true;
}

}  // namespace perigee::engine
