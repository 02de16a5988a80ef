// SPDX-License-Identifier: Apache-2.0
#include "storage/io/kernel_uring_queue.h"

#include <liburing.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "storage/foundation/check.h"
#include "storage/foundation/status_macros.h"
#include "storage/io/errno_status.h"
#include "storage/io/uring_ring.h"

namespace perigee::storage {
namespace {

// Twice what is in flight, so that neither queue is ever full (U3); the completion queue has twice
// the entries of the submission queue.
constexpr unsigned kEntries = 2 * UringRing::kDepth;

constexpr std::array<uint8_t, 4> kOperations = {IORING_OP_NOP, IORING_OP_READ, IORING_OP_WRITE,
                                                IORING_OP_FSYNC};

// Debian 12's liburing.so declares the two calls that need this but does not export them.
int Register(const io_uring& uring, unsigned opcode, const void* argument, size_t count) {
  const long result = syscall(__NR_io_uring_register, uring.ring_fd, opcode, argument, count);
  return result < 0 ? -errno : 0;
}

// A ring accepts other opcodes from nobody, not even from a bug in this process (U12).
bool Restrict(const io_uring& uring) {
  std::array<io_uring_restriction, kOperations.size()> restrictions = {};
  for (size_t i = 0; i < kOperations.size(); ++i) {
    restrictions[i].opcode = IORING_RESTRICTION_SQE_OP;
    restrictions[i].sqe_op = kOperations[i];
  }
  return Register(uring, IORING_REGISTER_RESTRICTIONS, restrictions.data(), restrictions.size()) ==
         0;
}

absl::Status CheckAbilities(io_uring& uring) {
  if ((uring.features & IORING_FEAT_NODROP) == 0) {
    return absl::UnimplementedError("the kernel may drop io_uring completions");
  }
  io_uring_probe* probe = io_uring_get_probe_ring(&uring);
  if (probe == nullptr) {
    return absl::UnimplementedError("the kernel cannot say which io_uring operations it has");
  }
  const bool complete = std::all_of(kOperations.begin(), kOperations.end(), [probe](uint8_t code) {
    return io_uring_opcode_supported(probe, code) != 0;
  });
  io_uring_free_probe(probe);
  return complete ? absl::OkStatus()
                  : absl::UnimplementedError("the kernel lacks an io_uring operation");
}

// Runs the one operation in the queue; its result, or how the kernel refused the submission.
absl::StatusOr<int> RunOne(io_uring& uring) {
  int submitted = 0;
  do {
    submitted = io_uring_submit_and_wait(&uring, 1);
  } while (submitted == -EINTR);
  io_uring_cqe* completion = nullptr;
  if (submitted < 0 || io_uring_peek_cqe(&uring, &completion) != 0) {
    return ErrnoStatus(submitted < 0 ? -submitted : EIO, "submit to", "io_uring");
  }
  const int result = completion->res;
  io_uring_cqe_seen(&uring, completion);
  return result;
}

// One operation that does nothing, there and back: a seccomp filter may allow the setup alone.
absl::Status TryNop(io_uring& uring) {
  io_uring_prep_nop(io_uring_get_sqe(&uring));
  PERIGEE_ASSIGN_OR_RETURN(const int result, RunOne(uring));
  return result == 0 ? absl::OkStatus() : ErrnoStatus(-result, "run", "io_uring");
}

// Closing no descriptor fails with EBADF, unless the ring may not close at all.
absl::StatusOr<bool> RefusesOthers(io_uring& uring) {
  io_uring_prep_close(io_uring_get_sqe(&uring), -1);
  PERIGEE_ASSIGN_OR_RETURN(const int result, RunOne(uring));
  return result == -EACCES;
}

void Prepare(io_uring_sqe* entry, const UringOperation& operation) {
  const auto length = static_cast<unsigned>(std::min(operation.length, UringRing::kLengthMax));
  switch (operation.kind) {
    case UringOperation::Kind::kRead:
      io_uring_prep_read(entry, operation.descriptor, operation.buffer, length, operation.offset);
      break;
    case UringOperation::Kind::kWrite:
      io_uring_prep_write(entry, operation.descriptor, operation.buffer, length, operation.offset);
      break;
    case UringOperation::Kind::kDataSync:
      io_uring_prep_fsync(entry, operation.descriptor, IORING_FSYNC_DATASYNC);
      break;
  }
}

class KernelUringQueue final : public UringQueue {
 public:
  KernelUringQueue() = default;
  ~KernelUringQueue() override {
    if (initialised_) {
      io_uring_queue_exit(&uring_);
    }
  }
  KernelUringQueue(const KernelUringQueue&) = delete;
  KernelUringQueue& operator=(const KernelUringQueue&) = delete;

  absl::Status SetUp();

  void Add(const UringOperation& operation, uint64_t tag) override {
    io_uring_sqe* entry = io_uring_get_sqe(&uring_);
    PERIGEE_CHECK(entry != nullptr, "the queue is longer than what is in flight");
    Prepare(entry, operation);
    io_uring_sqe_set_data64(entry, tag);
  }
  int SubmitAndWait(unsigned wanted) override { return io_uring_submit_and_wait(&uring_, wanted); }
  size_t Take(std::span<UringCompletion> out) override {
    size_t count = 0;
    unsigned head = 0;
    io_uring_cqe* completion = nullptr;
    io_uring_for_each_cqe(&uring_, head, completion) {
      if (count == out.size()) {
        break;
      }
      out[count++] = {.tag = completion->user_data, .result = completion->res};
    }
    io_uring_cq_advance(&uring_, static_cast<unsigned>(count));
    return count;
  }
  unsigned queued() const override { return io_uring_sq_ready(&uring_); }
  uint32_t overflows() const override {
    return __atomic_load_n(uring_.cq.koverflow, __ATOMIC_RELAXED);
  }
  bool is_restricted() const override { return restricted_; }

 private:
  io_uring uring_ = {};
  bool initialised_ = false;
  bool restricted_ = false;
};

absl::Status KernelUringQueue::SetUp() {
  // The first that the kernel knows: newer kernels are told that one thread submits and need not
  // interrupt it; a ring that starts disabled can be restricted.
  constexpr std::array<unsigned, 3> kFlags = {
      IORING_SETUP_R_DISABLED | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_COOP_TASKRUN,
      IORING_SETUP_R_DISABLED, 0};
  int result = -EINVAL;
  unsigned flags = 0;
  for (size_t i = 0; i < kFlags.size() && result == -EINVAL; ++i) {
    flags = kFlags[i];
    result = io_uring_queue_init(kEntries, &uring_, flags);
  }
  if (result < 0) {
    return ErrnoStatus(-result, "set up", "io_uring");
  }
  initialised_ = true;
  bool asked = false;
  if ((flags & IORING_SETUP_R_DISABLED) != 0) {
    asked = Restrict(uring_);
    PERIGEE_RETURN_IF_ERROR(CheckAbilities(uring_));
    if (const int enabled = Register(uring_, IORING_REGISTER_ENABLE_RINGS, nullptr, 0);
        enabled < 0) {
      return ErrnoStatus(-enabled, "enable", "io_uring");
    }
  } else {
    PERIGEE_RETURN_IF_ERROR(CheckAbilities(uring_));
  }
  if (const int unshared = io_uring_ring_dontfork(&uring_); unshared < 0) {
    return ErrnoStatus(-unshared, "keep from children", "io_uring");
  }
  PERIGEE_RETURN_IF_ERROR(TryNop(uring_));
  if (asked) {
    PERIGEE_ASSIGN_OR_RETURN(restricted_, RefusesOthers(uring_));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<UringQueue>> MakeKernelUringQueue() {
  auto queue = std::make_unique<KernelUringQueue>();
  PERIGEE_RETURN_IF_ERROR(queue->SetUp());
  return queue;
}

}  // namespace perigee::storage
