// SPDX-License-Identifier: Apache-2.0
//
// AdmissionController: how much work the server takes on at once. Beyond it a request is refused at
// once, so that the others are answered in time.
//
// Invariants:
//  1. At most in_flight_max requests per lane and bytes_max bytes of parameters in all hold a
//  ticket.
//  2. A ticket gives back exactly what it took, when it is destroyed.
// Thread-safety: Admit may be called, and tickets destroyed, on every thread.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace perigee::server {

/// Requests of one lane do not wait for those of another.
enum class Lane {
  kRead,            ///< searches, limited by processors
  kWrite,           ///< wait for the log
  kAdministration,  ///< may take minutes: flush, optimize
};
inline constexpr size_t kLaneCount = 3;

/// "read", "write" or "administration".
std::string_view LaneName(Lane lane);

class AdmissionController {
 public:
  struct Options {
    std::array<size_t, kLaneCount> in_flight_max = {1'024, 1'024, 16};
    uint64_t bytes_max = 512ULL << 20U;
  };

  class Ticket {
   public:
    Ticket() = default;
    Ticket(AdmissionController* controller, Lane lane, uint64_t bytes)
        : controller_(controller), lane_(lane), bytes_(bytes) {}
    ~Ticket();
    Ticket(Ticket&& other) noexcept;
    Ticket& operator=(Ticket&& other) noexcept;

   private:
    AdmissionController* controller_ = nullptr;
    Lane lane_ = Lane::kRead;
    uint64_t bytes_ = 0;
  };

  explicit AdmissionController(const Options& options) : options_(options) {}

  /// kResourceExhausted with the reason overloaded and a time to wait when there is no room. The
  /// controller must outlive the ticket.
  absl::StatusOr<Ticket> Admit(Lane lane, uint64_t bytes);

  size_t in_flight(Lane lane) const { return in_flight_[static_cast<size_t>(lane)].load(); }

 private:
  void Release(Lane lane, uint64_t bytes);

  const Options options_;
  std::array<std::atomic<size_t>, kLaneCount> in_flight_ = {};
  std::atomic<uint64_t> bytes_ = 0;
};

}  // namespace perigee::server
