// SPDX-License-Identifier: Apache-2.0
//
// Goal: below a confined root no path goes through a symbolic link, for no call, and the target of
// the link stays as it was (S6). Method: links planted in a real directory, in each place of a
// path; with openat2, and where a real filter refuses it in the two ways that exist.
#include "storage/io/confined_root.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <functional>
#include <memory>

#include "storage/foundation/error_reason.h"
#include "storage/io/posix_file_system.h"
#include "tests/support/refused_call.h"
#include "tests/support/temporary_directory.h"

namespace perigee::storage {
namespace {

// db/, reached as link/, with a file and a folder of its own and links to what is elsewhere.
struct Planted {
  Planted() {
    std::filesystem::create_directories(root + "/sub");
    std::filesystem::create_directories(elsewhere);
    std::filesystem::create_directory_symlink(root, parent.PathOf("link"));
    Touch(root + "/file");
    Touch(root + "/sub/file");
    Touch(elsewhere + "/file");
    std::filesystem::create_directory_symlink(elsewhere, root + "/out");
    std::filesystem::create_directory_symlink("../db/sub", root + "/around");
    std::filesystem::create_symlink(elsewhere + "/file", root + "/alias");
    std::filesystem::create_symlink(elsewhere + "/new", root + "/dangling");
  }
  static void Touch(const std::string& path) {
    close(open(path.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600));
  }

  TemporaryDirectory parent;
  std::string root = parent.PathOf("db");
  std::string elsewhere = parent.PathOf("elsewhere");
};

bool IsRefused(const absl::Status& status) {
  return GetErrorReason(status) == ErrorReason::kDamaged &&
         status.message().find("symbolic link") != std::string_view::npos;
}

// Everything that a file system does to paths through links is refused.
bool RefusesLinks(const Planted& planted, const std::string& root) {
  const ConfinedRoot confined(root);
  PosixFileSystem disk;
  bool holds = true;
  for (const char* folder : {"/out", "/around"}) {
    const std::string link = root + folder;
    holds &= IsRefused(disk.Open(link + "/file", {}).status());
    holds &= IsRefused(disk.Open(link + "/new", {.mode = OpenMode::kCreateExclusive}).status());
    holds &= IsRefused(disk.Lock(link + "/file").status());
    holds &= IsRefused(disk.Stat(link + "/file").status());
    holds &= IsRefused(disk.List(link).status());
    holds &= IsRefused(disk.SyncDirectory(link));
    holds &= IsRefused(disk.CreateDirectory(link + "/new"));
    holds &= IsRefused(disk.RemoveFile(link + "/file"));
    holds &= IsRefused(disk.RemoveDirectory(link + "/new"));
    holds &= IsRefused(disk.Rename(root + "/file", link + "/new"));
    holds &= IsRefused(disk.Rename(link + "/file", root + "/new"));
    holds &= IsRefused(disk.Link(root + "/file", link + "/new"));
    holds &= IsRefused(disk.Link(link + "/file", root + "/new"));
  }
  holds &= IsRefused(disk.Open(root + "/alias", {}).status());
  holds &= IsRefused(disk.Open(root + "/alias", {.mode = OpenMode::kReadWrite}).status());
  holds &= !disk.Open(root + "/dangling", {.mode = OpenMode::kCreateExclusive}).ok();
  holds &= !disk.Open(root + "/../elsewhere/file", {}).ok();
  holds &= !std::filesystem::exists(planted.elsewhere + "/new");
  holds &= std::filesystem::exists(planted.elsewhere + "/file");
  return holds;
}

// And what is no link works.
bool DoesTheRest(const std::string& root) {
  const ConfinedRoot confined(root);
  PosixFileSystem disk;
  bool holds = disk.Open(root + "/file", {}).ok() && disk.Open(root + "/sub/file", {}).ok();
  holds &= disk.Open(root + "/sub/new", {.mode = OpenMode::kCreateExclusive}).ok();
  holds &= absl::IsNotFound(disk.Open(root + "/sub/none", {}).status());
  holds &= absl::IsNotFound(disk.Open(root + "/none/file", {}).status());
  holds &= absl::IsAlreadyExists(
      disk.Open(root + "/sub/new", {.mode = OpenMode::kCreateExclusive}).status());
  holds &= disk.List(root + "/sub").ok() && disk.List(root + "/sub")->size() == 2;
  holds &= disk.List(root).ok() && disk.SyncDirectory(root + "/sub").ok();
  holds &= disk.Stat(root + "/sub").ok() && disk.Stat(root + "/sub")->is_directory;
  holds &= disk.Stat(root + "/out").ok() && !disk.Stat(root + "/out")->is_directory;
  holds &= disk.CreateDirectory(root + "/sub/folder").ok();
  holds &= disk.RemoveDirectory(root + "/sub/folder").ok();
  holds &= disk.Link(root + "/file", root + "/sub/second").ok();
  holds &= disk.Rename(root + "/sub/second", root + "/third").ok();
  holds &= disk.RemoveFile(root + "/third").ok() && disk.RemoveFile(root + "/sub/new").ok();
  return holds;
}

TEST_CASE("no call goes through a link below a confined root") {
  for (const char* name : {"db", "link"}) {  // the root itself may be a link
    CAPTURE(name);
    const Planted planted;
    CHECK(RefusesLinks(planted, planted.parent.PathOf(name)));
    CHECK(DoesTheRest(planted.parent.PathOf(name)));
  }
}

TEST_CASE("where openat2 is missing or filtered the same holds") {
  for (const int error_number : {ENOSYS, EPERM}) {
    CAPTURE(error_number);
    const tests::RefusedCall calls[] = {{.number = SYS_openat2, .error_number = error_number}};
    const Planted planted;
    CHECK(tests::HoldsWhereRefused(calls, [&] { return RefusesLinks(planted, planted.root); }));
    CHECK(tests::HoldsWhereRefused(calls, [&] { return DoesTheRest(planted.root); }));
  }
}

TEST_CASE("a path is confined as long as a root that it is below lives") {
  const Planted planted;
  PosixFileSystem disk;
  const std::string through = planted.root + "/out/file";
  CHECK(disk.Open(through, {}).ok());
  {
    const ConfinedRoot one(planted.root);
    auto other = std::make_unique<ConfinedRoot>(planted.root);
    CHECK_FALSE(disk.Open(through, {}).ok());
    other.reset();
    CHECK_FALSE(disk.Open(through, {}).ok());
    // A root's neighbours are not below it.
    CHECK(disk.Open(planted.elsewhere + "/file", {}).ok());
    const ConfinedRoot longer(planted.root + "/out");
    CHECK(disk.Open(through, {}).ok());  // the longest root counts, and may be a link
  }
  CHECK(disk.Open(through, {}).ok());
  const ConfinedRoot prefix(planted.parent.PathOf("d"));
  CHECK(disk.Open(through, {}).ok());
}

TEST_CASE("an error that is about no link stays what it is") {
  CHECK(absl::IsNotFound(PathErrnoStatus(ENOENT, "open", "x")));
  CHECK(absl::IsUnavailable(PathErrnoStatus(EXDEV, "rename", "x")));
  CHECK(GetErrorReason(PathErrnoStatus(ELOOP, "open", "x")) == ErrorReason::kDamaged);
}

}  // namespace
}  // namespace perigee::storage
