// SPDX-License-Identifier: Apache-2.0
#include "storage/wal/file_log.h"

#include <doctest/doctest.h>

#include <cerrno>
#include <string>
#include <vector>

#include "storage/foundation/error_reason.h"
#include "storage/io/file_system_selection.h"
#include "storage/wal/log_file_format.h"
#include "tests/storage/wal/log_test_bed.h"
#include "tests/support/temporary_directory.h"

namespace perigee::storage {
namespace {

// Three of these do not fit in one file of the smallest size.
std::string Large(char fill) { return std::string(20'000, fill); }

std::vector<std::string> LogContents(LogTestBed& bed) {
  std::vector<std::string> contents;
  for (const uint64_t number : bed.LogNumbers()) {
    contents.push_back(*bed.disk().Contents(bed.PathOfLog(number)));
  }
  return contents;
}

TEST_CASE("a new log is empty and makes no file until the first append") {
  LogTestBed bed;
  REQUIRE(bed.OpenLog().ok());
  CHECK(bed.log()->end() == LogPosition{});
  CHECK(bed.log()->recovery().clean);
  CHECK(bed.LogNumbers().empty());
  REQUIRE(bed.Append({"a"}).ok());
  CHECK(bed.LogNumbers() == std::vector<uint64_t>{1});
  CHECK(bed.log()->status().durable_lsn == 1);
}

TEST_CASE("what was appended is replayed after a close") {
  LogTestBed bed;
  REQUIRE(bed.OpenLog().ok());
  REQUIRE(bed.Append({"a", "b"}).ok());
  REQUIRE(bed.Append({"c"}).ok());
  REQUIRE(bed.log()->Close().ok());
  const std::vector<std::string> before = LogContents(bed);
  REQUIRE(bed.OpenLog().ok());
  CHECK(bed.log()->recovery().clean);
  CHECK(bed.log()->recovery().records_replayed == 3);
  CHECK(bed.log()->recovery().last_lsn == 3);
  CHECK(bed.replayed() == ReplayedRecords{{1, "a"}, {2, "b"}, {3, "c"}});
  REQUIRE(bed.log()->Close().ok());
  CHECK(LogContents(bed) == before);  // I10: opening changed nothing
}

TEST_CASE("records that are applied are not replayed") {
  LogTestBed bed;
  REQUIRE(bed.OpenLog().ok());
  REQUIRE(bed.Append({"a", "b"}).ok());
  REQUIRE(bed.Append({"c"}).ok());
  bed.options().applied_lsn = 1;
  REQUIRE(bed.OpenLog().ok());
  CHECK(bed.replayed() == ReplayedRecords{{2, "b"}, {3, "c"}});
}

TEST_CASE("after an unclean end the last group is copied and the old file is left alone") {
  LogTestBed bed;
  REQUIRE(bed.OpenLog().ok());
  REQUIRE(bed.Append({"a"}).ok());
  REQUIRE(bed.Append({"b"}).ok());
  const std::vector<std::string> before = LogContents(bed);
  REQUIRE(bed.OpenLog().ok());
  CHECK_FALSE(bed.log()->recovery().clean);
  CHECK(bed.log()->recovery().groups_copied == 1);
  CHECK(bed.replayed() == ReplayedRecords{{1, "a"}, {2, "b"}});
  CHECK(bed.LogNumbers() == std::vector<uint64_t>{1, 2});
  CHECK(LogContents(bed)[0] == before[0]);
  REQUIRE(bed.Append({"c"}).ok());
  REQUIRE(bed.log()->Close().ok());
  REQUIRE(bed.OpenLog().ok());
  CHECK(bed.log()->recovery().clean);
  CHECK(bed.replayed() == ReplayedRecords{{1, "a"}, {2, "b"}, {3, "c"}});
  CHECK(LogContents(bed)[0] == before[0]);
}

TEST_CASE("a log that is killed again and again loses nothing") {
  LogTestBed bed;
  ReplayedRecords expected;
  for (uint64_t lsn = 1; lsn <= 12; ++lsn) {
    REQUIRE(bed.OpenLog().ok());
    CHECK(bed.replayed() == expected);
    expected.emplace_back(lsn, std::to_string(lsn));
    REQUIRE(bed.Append({expected.back().second}).ok());
    if (lsn % 3 == 0) {
      REQUIRE(bed.AppendMark().ok());
    }
    bed.Kill();
  }
}

TEST_CASE("a torn last group is cut and its LSN is used again") {
  LogTestBed bed;
  REQUIRE(bed.OpenLog().ok());
  REQUIRE(bed.Append({"a"}).ok());
  REQUIRE(bed.Append({"torn"}).ok());
  bed.disk().Corrupt(bed.PathOfLog(1), 2 * kLogBlockBytes + 70, 1);
  REQUIRE(bed.OpenLog().ok());
  CHECK(bed.replayed() == ReplayedRecords{{1, "a"}});
  CHECK(bed.log()->end().lsn == 2);
  REQUIRE(bed.Append({"b"}).ok());
  // The torn group becomes readable again; it belongs to no log any more.
  bed.disk().Corrupt(bed.PathOfLog(1), 2 * kLogBlockBytes + 70, 1);
  REQUIRE(bed.OpenLog().ok());
  CHECK(bed.replayed() == ReplayedRecords{{1, "a"}, {2, "b"}});
}

TEST_CASE("damage to a group that is known to be flushed is refused") {
  for (const char* how : {"later group", "durable mark", "manifest", "segment", "clean close"}) {
    INFO(how);
    LogTestBed bed;
    const std::string evidence = how;
    REQUIRE(bed.OpenLog().ok());
    REQUIRE(bed.Append({"a"}).ok());
    if (evidence == "later group") {
      REQUIRE(bed.Append({"b"}).ok());
    } else if (evidence == "durable mark") {
      REQUIRE(bed.AppendMark().ok());
    } else if (evidence == "manifest") {
      bed.options().manifest_durable_lsn = 1;
    } else if (evidence == "segment") {
      bed.options().published_max_lsn = 1;
    } else {
      REQUIRE(bed.log()->Close().ok());
    }
    bed.disk().Corrupt(bed.PathOfLog(1), kLogBlockBytes + 70, 1);
    const std::vector<std::string> before = LogContents(bed);
    CHECK(GetErrorReason(bed.OpenLog()) == ErrorReason::kDamaged);
    CHECK(LogContents(bed) == before);
  }
}

TEST_CASE("a damaged mark with a group behind it is damage and not the end") {
  LogTestBed bed;
  REQUIRE(bed.OpenLog().ok());
  REQUIRE(bed.Append({"a"}).ok());
  REQUIRE(bed.AppendMark().ok());
  REQUIRE(bed.Append({"b"}).ok());
  bed.disk().Corrupt(bed.PathOfLog(1), 2 * kLogBlockBytes + 8, 1);
  CHECK(GetErrorReason(bed.OpenLog()) == ErrorReason::kDamaged);
}

TEST_CASE("the log rolls to a new file and a group larger than a file gets one of its size") {
  LogTestBed bed;
  REQUIRE(bed.OpenLog().ok());
  ReplayedRecords expected;
  const auto append = [&](std::string payload) {
    REQUIRE(bed.Append({payload}).ok());
    expected.emplace_back(expected.size() + 1, std::move(payload));
  };
  for (char fill = 'a'; fill < 'h'; ++fill) {
    append(Large(fill));
  }
  CHECK(bed.LogNumbers() == std::vector<uint64_t>{1, 2, 3, 4});
  append(std::string(300'000, 'z'));
  append("after");
  CHECK(bed.LogNumbers().size() == 6);
  CHECK(bed.disk().Contents(bed.PathOfLog(5))->size() > 300'000);
  CHECK(bed.disk().Contents(bed.PathOfLog(6))->size() == kLogFileBytesMin);
  REQUIRE(bed.OpenLog().ok());
  CHECK(bed.replayed() == expected);
}

TEST_CASE("a cut of the log is a log that ends there") {
  // Groups of 20 KiB, so that the cuts fall into several files.
  for (uint64_t groups = 0; groups < 9; ++groups) {
    CAPTURE(groups);
    LogTestBed bed;
    REQUIRE(bed.OpenLog().ok());
    const auto append = [&bed] { REQUIRE(bed.Append({std::string(20'000, 'x'), "y"}).ok()); };
    for (uint64_t i = 0; i < groups; ++i) {
      append();
    }
    const LogCut cut = bed.log()->Cut();
    CHECK(cut.last_lsn == 2 * groups);
    append();
    append();
    const auto copy = bed.disk().KillProcess();
    for (const uint64_t number : bed.LogNumbers()) {
      const std::string path = bed.PathOfLog(number);
      const auto part = std::find_if(cut.parts.begin(), cut.parts.end(),
                                     [number](const auto& p) { return p.number == number; });
      if (part == cut.parts.end()) {
        REQUIRE(copy->RemoveFile(path).ok());
        continue;
      }
      std::string bytes = *copy->Contents(path);
      CHECK(bytes.size() == part->file_bytes);
      bytes.resize(part->bytes);
      bytes.resize(part->file_bytes, '\0');
      copy->SetContents(path, bytes);
    }
    bed.Replace(copy->KillProcess());
    const absl::Status opened = bed.OpenLog();
    REQUIRE_MESSAGE(opened.ok(), opened.ToString());
    CHECK(bed.replayed().size() == 2 * groups);
  }
}

TEST_CASE("closing needs no space in a full file") {
  LogTestBed bed;
  REQUIRE(bed.OpenLog().ok());
  for (int i = 0; i < 14; ++i) {  // header, 14 groups, the block for the mark
    REQUIRE(bed.Append({"x"}).ok());
  }
  CHECK(bed.LogNumbers().size() == 1);
  REQUIRE(bed.log()->Close().ok());
  CHECK(bed.LogNumbers().size() == 1);
  REQUIRE(bed.OpenLog().ok());
  CHECK(bed.log()->recovery().clean);
  CHECK(bed.replayed().size() == 14);
  REQUIRE(bed.Append({"y"}).ok());
  CHECK(bed.LogNumbers().size() == 2);
}

TEST_CASE("a missing or foreign file is damage and leftovers of a retirement are not") {
  LogTestBed bed;
  REQUIRE(bed.OpenLog().ok());
  for (char fill = 'a'; fill < 'i'; ++fill) {
    REQUIRE(bed.Append({Large(fill)}).ok());
  }
  REQUIRE(bed.log()->Close().ok());
  REQUIRE(bed.LogNumbers().size() == 4);
  const auto reopened_without = [&bed](uint64_t number) {
    const std::string kept = *bed.disk().Contents(bed.PathOfLog(number));
    REQUIRE(bed.directory().files().Remove(LogName(number)).ok());
    const absl::Status status = bed.OpenLog();
    bed.disk().SetContents(bed.PathOfLog(number), kept);
    return status;
  };
  SUBCASE("the oldest") { CHECK(GetErrorReason(reopened_without(1)) == ErrorReason::kDamaged); }
  SUBCASE("a middle one") { CHECK(GetErrorReason(reopened_without(2)) == ErrorReason::kDamaged); }
  SUBCASE("the newest when the manifest knows better") {
    bed.options().manifest_durable_lsn = 8;
    CHECK(GetErrorReason(reopened_without(4)) == ErrorReason::kDamaged);
  }
  SUBCASE("a middle one whose records are all applied") {
    bed.options().applied_lsn = 4;
    CHECK(reopened_without(2).ok());
    CHECK(bed.replayed().size() == 4);
    // The leftover goes with the next retirement.
    REQUIRE(bed.log()->RetireUpTo(4).ok());
    CHECK(bed.LogNumbers().front() >= 2);
  }
  SUBCASE("a file under another number") {
    bed.disk().SetContents(bed.PathOfLog(5), *bed.disk().Contents(bed.PathOfLog(4)));
    CHECK(GetErrorReason(bed.OpenLog()) == ErrorReason::kDamaged);
  }
  SUBCASE("a file of another database") {
    LogTestBed other;
    REQUIRE(other.OpenLog().ok());
    REQUIRE(other.Append({"x"}).ok());
    bed.disk().SetContents(bed.PathOfLog(1), *other.disk().Contents(other.PathOfLog(1)));
    CHECK(GetErrorReason(bed.OpenLog()) == ErrorReason::kDamaged);
  }
  SUBCASE("all files") {
    for (const uint64_t number : bed.LogNumbers()) {
      REQUIRE(bed.directory().files().Remove(LogName(number)).ok());
    }
    bed.options().applied_lsn = 3;
    CHECK(GetErrorReason(bed.OpenLog()) == ErrorReason::kDamaged);
  }
}

TEST_CASE("files are retired oldest first and never the newest") {
  LogTestBed bed;
  REQUIRE(bed.OpenLog().ok());
  for (char fill = 'a'; fill < 'g'; ++fill) {
    REQUIRE(bed.Append({Large(fill)}).ok());
  }
  REQUIRE(bed.LogNumbers() == std::vector<uint64_t>{1, 2, 3});
  CHECK(bed.log()->status().oldest_lsn == 1);
  REQUIRE(bed.log()->RetireUpTo(1).ok());
  CHECK(bed.LogNumbers().size() == 3);
  REQUIRE(bed.log()->RetireUpTo(3).ok());
  CHECK(bed.LogNumbers() == std::vector<uint64_t>{2, 3});
  CHECK(bed.log()->status().oldest_lsn == 3);
  REQUIRE(bed.log()->RetireUpTo(100).ok());
  CHECK(bed.LogNumbers() == std::vector<uint64_t>{3});
  bed.options().applied_lsn = 6;
  REQUIRE(bed.OpenLog().ok());
  CHECK(bed.replayed().empty());
  CHECK(bed.log()->end().lsn == 7);
}

TEST_CASE("groups are read back by slot until they are trimmed") {
  LogTestBed bed;
  REQUIRE(bed.OpenLog().ok());
  for (char fill = 'a'; fill < 'e'; ++fill) {
    REQUIRE(bed.Append({Large(fill)}).ok());
  }
  for (uint64_t slot = 0; slot < 4; ++slot) {
    const auto group = bed.log()->Read(slot);
    REQUIRE(group.ok());
    CHECK(group->slot() == slot);
    CHECK(group->first_lsn() == slot + 1);
  }
  CHECK(bed.log()->Read(4).status().code() == absl::StatusCode::kNotFound);
  REQUIRE(bed.log()->Trim(2).ok());
  CHECK(bed.log()->Read(1).status().code() == absl::StatusCode::kNotFound);
  CHECK(bed.log()->Read(2).ok());
}

TEST_CASE("an open with an old epoch is refused and a fenced writer writes nothing") {
  LogTestBed bed;
  REQUIRE(bed.OpenLog().ok());
  REQUIRE(bed.Append({"a"}).ok());
  --bed.options().epoch;
  CHECK(GetErrorReason(bed.OpenLog()) == ErrorReason::kFenced);
  REQUIRE(bed.OpenLog().ok());
  const LogGroup group = bed.MakeGroup({"late"});
  REQUIRE(bed.log()->Fence(bed.options().epoch + 1).ok());
  CHECK(GetErrorReason(bed.log()->Fence(bed.options().epoch)) == ErrorReason::kFenced);
  const auto outcome = bed.log()->Append(group);
  REQUIRE(outcome.ok());
  CHECK(*outcome == AppendOutcome::kFenced);
  bed.options().epoch += 2;
  REQUIRE(bed.OpenLog().ok());
  CHECK(bed.replayed() == ReplayedRecords{{1, "a"}});
}

TEST_CASE("a failed write or flush ends all writing without a second try") {
  for (const CallKind kind : {CallKind::kWrite, CallKind::kSync}) {
    LogTestBed bed;
    REQUIRE(bed.OpenLog().ok());
    REQUIRE(bed.Append({"a"}).ok());
    bed.disk().AddErrorPlan({.kind = kind, .path_contains = "wal", .error_number = EIO});
    CHECK(GetErrorReason(bed.Append({"b"})) == ErrorReason::kStorageFailed);
    const uint64_t calls = bed.disk().calls();
    CHECK(GetErrorReason(bed.Append({"b"})) == ErrorReason::kStorageFailed);
    CHECK(GetErrorReason(bed.log()->Close()) == ErrorReason::kStorageFailed);
    CHECK(bed.disk().calls() == calls);
    CHECK(bed.log()->status().poisoned);
    CHECK(bed.disk().syncs_after_failed_sync() == 0);
  }
}

TEST_CASE("a full disk refuses one append and the next one succeeds") {
  LogTestBed bed;
  REQUIRE(bed.OpenLog().ok());
  REQUIRE(bed.Append({Large('a')}).ok());
  REQUIRE(bed.Append({Large('b')}).ok());
  bed.disk().AddErrorPlan({.kind = CallKind::kWrite, .error_number = ENOSPC, .forever = true});
  CHECK(bed.Append({Large('c')}).code() == absl::StatusCode::kResourceExhausted);
  CHECK(bed.log()->end().lsn == 3);
  bed.disk().ClearErrorPlans();
  REQUIRE(bed.Append({Large('d')}).ok());
  REQUIRE(bed.OpenLog().ok());
  REQUIRE(bed.replayed().size() == 3);
  CHECK(bed.replayed()[2].second == Large('d'));
}

TEST_CASE("on a full disk the log goes on in the reserve, in files of the smallest size") {
  LogTestBed bed(3U << 20U);
  REQUIRE(bed.OpenLog().ok());
  REQUIRE(bed.Append({"a"}).ok());
  REQUIRE(bed.directory().reserve().Refill().ok());
  uint64_t used = 0;
  for (const std::string& path : bed.disk().Files()) {
    used += bed.disk().Contents("/" + path)->size();
  }
  bed.disk().SetCapacityBytes(used);
  uint64_t appended = 0;
  absl::Status status;
  while ((status = bed.Append({Large('b')})).ok()) {
    ++appended;
  }
  CHECK(GetErrorReason(status) == ErrorReason::kDiskFull);
  CHECK(bed.directory().reserve().held_bytes() == 0);
  CHECK(appended * kLogFileBytesMin > (5U << 20U));  // two of them fit one file
  bed.Crash(CrashPolicy::kNothingUnsynced);
  bed.disk().SetCapacityBytes(uint64_t{1} << 30U);
  REQUIRE(bed.OpenLog().ok());
  CHECK(bed.replayed().size() == appended + 1);
  REQUIRE(bed.Append({Large('c')}).ok());
}

TEST_CASE("a record that cannot be applied stops the open") {
  LogTestBed bed;
  REQUIRE(bed.OpenLog().ok());
  REQUIRE(bed.Append({"a"}).ok());
  FileLogOptions options = bed.options();
  ++options.epoch;
  const auto log = FileLog::Open(bed.directory(), options,
                                 [](const LogRecord&) { return absl::InternalError("cannot be"); });
  CHECK(log.status().code() == absl::StatusCode::kInternal);
}

TEST_CASE("options out of range are refused") {
  LogTestBed bed;
  for (const uint64_t bytes : {uint64_t{4096}, kLogFileBytesMin + 1}) {
    FileLogOptions options;
    options.epoch = 1;
    options.log_file_bytes = bytes;
    const auto log =
        FileLog::Open(bed.directory(), options, [](const LogRecord&) { return absl::OkStatus(); });
    CHECK(GetErrorReason(log.status()) == ErrorReason::kLimit);
  }
}

// Opens, appends and now and then closes, with a thread that prepares files.
void LiveOnRealDisk(FileSystem& file_system, const std::string& path) {
  DataDirectory::Options creation;
  creation.create_if_missing = true;
  creation.creation.log_file_bytes = kLogFileBytesMin;
  creation.initialise_contents = [](DataDirectory& directory) {
    return directory.files().WriteAtomically(kCurrentName, AsBytes("stands for a manifest"));
  };
  const auto directory = DataDirectory::Open(file_system, path, creation);
  REQUIRE(directory.ok());
  uint64_t appended = 0;
  for (uint64_t epoch = 1; epoch <= 4; ++epoch) {
    uint64_t replayed = 0;
    const auto log =
        FileLog::Open(**directory, {.epoch = epoch, .log_file_bytes = kLogFileBytesMin},
                      [&replayed](const LogRecord& record) {
                        CHECK(record.lsn == ++replayed);
                        CHECK(AsText(record.payload) == std::to_string(record.lsn));
                        return absl::OkStatus();
                      });
    REQUIRE(log.ok());
    CHECK(replayed == appended);
    for (int i = 0; i < 40; ++i) {
      LogGroupBuilder builder(epoch, (*log)->end());
      builder.Add(1, 0, AsBytes(std::to_string(++appended)));
      REQUIRE((*log)->Append(builder.Finish()).ok());
    }
    if (epoch % 2 == 0) {
      REQUIRE((*log)->Close().ok());
    }
  }
  CHECK((*directory)->ListLogs()->size() >= 12);
  CHECK(file_system.List(path + "/tmp")->empty());
}

TEST_SUITE("concurrency") {
  TEST_CASE("a log on a real disk with each backend and a thread that prepares files") {
    for (const BackendChoice choice : {BackendChoice::kPosix, BackendChoice::kAuto}) {
      const TemporaryDirectory temporary;
      const auto selected = SelectFileSystem(choice);
      REQUIRE(selected.ok());
      INFO(selected->description);
      LiveOnRealDisk(*selected->file_system, temporary.PathOf("db"));
    }
  }
}

}  // namespace
}  // namespace perigee::storage
