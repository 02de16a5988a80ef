// SPDX-License-Identifier: Apache-2.0
//
// Debian's Abseil is built without ThreadSanitizer, so the sanitizer does not see that an
// absl::Mutex orders what its holders do, and reports races that are none. In test binaries of the
// tsan preset the linker sends calls of the locking functions here (--wrap, see the list in
// tests/CMakeLists.txt); each tells the sanitizer and goes on to the real one.
//
// Invariants: what a holder did before it let go is released before the real call, and acquired
// after the real call by who takes the lock. Conditions of waiters are evaluated inside the real
// calls, under the lock, by whichever thread lets it go; accesses in there are ignored.
// Thread-safety: as that of absl::Mutex.
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

extern "C" {

void __tsan_acquire(void* address);
void __tsan_release(void* address);
void AnnotateIgnoreReadsBegin(const char* file, int line);
void AnnotateIgnoreReadsEnd(const char* file, int line);

}  // extern "C"

namespace {

class IgnoredAccesses {
 public:
  IgnoredAccesses() { AnnotateIgnoreReadsBegin(__FILE__, __LINE__); }
  ~IgnoredAccesses() { AnnotateIgnoreReadsEnd(__FILE__, __LINE__); }
  IgnoredAccesses(const IgnoredAccesses&) = delete;
  IgnoredAccesses& operator=(const IgnoredAccesses&) = delete;
};

}  // namespace

// Defines the wrapper of SYMBOL, which takes the lock `mutex`, lets it go, or does both in turn.
#define PERIGEE_TSAN_TAKES(SYMBOL, PARAMETERS, ARGUMENTS) \
  extern "C" void __real_##SYMBOL PARAMETERS;             \
  extern "C" void __wrap_##SYMBOL PARAMETERS;             \
  extern "C" void __wrap_##SYMBOL PARAMETERS {            \
    {                                                     \
      const IgnoredAccesses ignored;                      \
      __real_##SYMBOL ARGUMENTS;                          \
    }                                                     \
    __tsan_acquire(mutex);                                \
  }
#define PERIGEE_TSAN_LETS_GO(SYMBOL)             \
  extern "C" void __real_##SYMBOL(void* mutex);  \
  extern "C" void __wrap_##SYMBOL(void* mutex);  \
  extern "C" void __wrap_##SYMBOL(void* mutex) { \
    __tsan_release(mutex);                       \
    const IgnoredAccesses ignored;               \
    __real_##SYMBOL(mutex);                      \
  }
#define PERIGEE_TSAN_TRIES(SYMBOL)               \
  extern "C" bool __real_##SYMBOL(void* mutex);  \
  extern "C" bool __wrap_##SYMBOL(void* mutex);  \
  extern "C" bool __wrap_##SYMBOL(void* mutex) { \
    const bool taken = __real_##SYMBOL(mutex);   \
    if (taken) {                                 \
      __tsan_acquire(mutex);                     \
    }                                            \
    return taken;                                \
  }
#define PERIGEE_TSAN_WAITS(RESULT, SYMBOL, PARAMETERS, ARGUMENTS) \
  extern "C" RESULT __real_##SYMBOL PARAMETERS;                   \
  extern "C" RESULT __wrap_##SYMBOL PARAMETERS;                   \
  extern "C" RESULT __wrap_##SYMBOL PARAMETERS {                  \
    __tsan_release(mutex);                                        \
    const IgnoredAccesses ignored;                                \
    struct AcquireAtEnd {                                         \
      void* held;                                                 \
      ~AcquireAtEnd() { __tsan_acquire(held); }                   \
    } const acquire{mutex};                                       \
    return __real_##SYMBOL ARGUMENTS;                             \
  }

PERIGEE_TSAN_TAKES(_ZN4absl7debian35Mutex4LockEv, (void* mutex), (mutex))
PERIGEE_TSAN_TAKES(_ZN4absl7debian35Mutex10ReaderLockEv, (void* mutex), (mutex))
PERIGEE_TSAN_TAKES(_ZN4absl7debian35Mutex8LockWhenERKNS0_9ConditionE,
                   (void* mutex, const absl::Condition* condition), (mutex, condition))
PERIGEE_TSAN_TAKES(_ZN4absl7debian35Mutex14ReaderLockWhenERKNS0_9ConditionE,
                   (void* mutex, const absl::Condition* condition), (mutex, condition))
PERIGEE_TSAN_LETS_GO(_ZN4absl7debian35Mutex6UnlockEv)
PERIGEE_TSAN_LETS_GO(_ZN4absl7debian35Mutex12ReaderUnlockEv)
PERIGEE_TSAN_TRIES(_ZN4absl7debian35Mutex7TryLockEv)
PERIGEE_TSAN_TRIES(_ZN4absl7debian35Mutex13ReaderTryLockEv)
PERIGEE_TSAN_WAITS(void, _ZN4absl7debian35Mutex5AwaitERKNS0_9ConditionE,
                   (void* mutex, const absl::Condition* condition), (mutex, condition))
PERIGEE_TSAN_WAITS(bool, _ZN4absl7debian35Mutex16AwaitWithTimeoutERKNS0_9ConditionENS0_8DurationE,
                   (void* mutex, const absl::Condition* condition, absl::Duration timeout),
                   (mutex, condition, timeout))
PERIGEE_TSAN_WAITS(bool, _ZN4absl7debian35Mutex17AwaitWithDeadlineERKNS0_9ConditionENS0_4TimeE,
                   (void* mutex, const absl::Condition* condition, absl::Time deadline),
                   (mutex, condition, deadline))
PERIGEE_TSAN_WAITS(void, _ZN4absl7debian37CondVar4WaitEPNS0_5MutexE, (void* variable, void* mutex),
                   (variable, mutex))
PERIGEE_TSAN_WAITS(bool, _ZN4absl7debian37CondVar15WaitWithTimeoutEPNS0_5MutexENS0_8DurationE,
                   (void* variable, void* mutex, absl::Duration timeout),
                   (variable, mutex, timeout))
PERIGEE_TSAN_WAITS(bool, _ZN4absl7debian37CondVar16WaitWithDeadlineEPNS0_5MutexENS0_4TimeE,
                   (void* variable, void* mutex, absl::Time deadline), (variable, mutex, deadline))

// A notification orders like a lock that is let go once and taken by everyone who waited.
PERIGEE_TSAN_LETS_GO(_ZN4absl7debian312Notification6NotifyEv)
PERIGEE_TSAN_TAKES(_ZNK4absl7debian312Notification19WaitForNotificationEv, (void* mutex), (mutex))

// The last owner of a status frees it inside the library, which the sanitizer cannot connect with
// the counting of the other owners.
extern "C" void __real__ZN4absl7debian36Status15UnrefNonInlinedEm(unsigned long representation);
extern "C" void __wrap__ZN4absl7debian36Status15UnrefNonInlinedEm(unsigned long representation);
extern "C" void __wrap__ZN4absl7debian36Status15UnrefNonInlinedEm(unsigned long representation) {
  const IgnoredAccesses ignored;
  __real__ZN4absl7debian36Status15UnrefNonInlinedEm(representation);
}
