// SPDX-License-Identifier: Apache-2.0
#include "tests/support/powercut_file_system.h"

#include <unistd.h>

#include <cerrno>
#include <set>

#include "absl/strings/str_cat.h"
#include "storage/foundation/status_macros.h"
#include "storage/io/errno_status.h"

namespace perigee::storage {
namespace {

constexpr uint64_t kEarlyNameOdds = 8;

// Without "/." and double slashes: the same directory has the same spelling.
std::string Normal(const std::string& path) {
  std::string normal;
  size_t start = 0;
  while (start < path.size()) {
    size_t end = path.find('/', start);
    end = end == std::string::npos ? path.size() : end;
    const std::string part = path.substr(start, end - start);
    if (!part.empty() && part != ".") {
      normal += (start == 0 ? "" : "/") + part;
    }
    start = end + 1;
  }
  return normal.empty() ? (path.substr(0, 1) == "/" ? "/" : ".") : normal;
}

std::string ParentOf(const std::string& normal) {
  const size_t slash = normal.rfind('/');
  return slash == std::string::npos ? "." : (slash == 0 ? "/" : normal.substr(0, slash));
}

std::string NameOf(const std::string& normal) {
  const size_t slash = normal.rfind('/');
  return slash == std::string::npos ? normal : normal.substr(slash + 1);
}

}  // namespace

struct PowercutFileSystem::Object {
  enum class Kind { kFile, kDirectory, kOther };

  Object(Kind object_kind, std::string path, std::shared_ptr<FileSystem> owner = nullptr)
      : kind(object_kind), disk_path(std::move(path)), spill_owner(std::move(owner)) {}
  ~Object() {
    if (spill_owner != nullptr) {
      spill_owner->RemoveFile(disk_path).IgnoreError();
    }
  }
  Object(const Object&) = delete;
  Object& operator=(const Object&) = delete;

  const Kind kind;
  std::string disk_path;
  std::shared_ptr<FileSystem> spill_owner;  // of a file whose disk_path is in the spill directory
  std::unique_ptr<PowercutNode> node;
  Entries visible;
  Entries durable;
};

PowercutFileSystem::PowercutFileSystem(std::unique_ptr<FileSystem> disk, PowercutOptions options)
    : disk_(std::move(disk)),
      spill_directory_(std::move(options.spill_directory)),
      power_(std::make_shared<PowercutPower>(options.seed, options.kill_at_call,
                                             std::move(options.failures))) {}

PowercutFileSystem::~PowercutFileSystem() = default;

std::string PowercutFileSystem::NewSpillPath() {
  return absl::StrCat(spill_directory_, "/", getpid(), "-", ++spilled_);
}

absl::Status PowercutFileSystem::Load(Object& directory, const std::string& path) {
  PERIGEE_ASSIGN_OR_RETURN(const std::vector<std::string> names, disk_->List(directory.disk_path));
  for (const std::string& name : names) {
    const std::string disk_path = absl::StrCat(directory.disk_path, "/", name);
    const absl::StatusOr<FileStatus> status = disk_->Stat(disk_path);
    if (!status.ok()) {
      continue;  // in a directory that is not ours, gone meanwhile
    }
    ObjectPointer object;
    if (status->is_directory) {
      const auto known = directories_.find(Normal(absl::StrCat(path, "/", name)));
      object = known != directories_.end()
                   ? known->second
                   : std::make_shared<Object>(Object::Kind::kDirectory, disk_path);
    } else if (status->is_regular_file) {
      std::weak_ptr<Object>& known = files_[{status->device, status->inode}];
      object = known.lock();
      if (object == nullptr) {
        object = std::make_shared<Object>(Object::Kind::kFile, disk_path);
        known = object;
      }
    } else {
      object = std::make_shared<Object>(Object::Kind::kOther, disk_path);
    }
    directory.visible[name] = object;
    directory.durable[name] = object;
  }
  return absl::OkStatus();
}

absl::StatusOr<PowercutFileSystem::ObjectPointer> PowercutFileSystem::FindDirectory(
    const std::string& path, const char* operation) {
  const std::string normal = Normal(path);
  const auto known = directories_.find(normal);
  if (known != directories_.end()) {
    return known->second;
  }
  ObjectPointer directory;
  const auto parent = directories_.find(ParentOf(normal));
  if (parent != directories_.end()) {
    const auto entry = parent->second->visible.find(NameOf(normal));
    if (entry == parent->second->visible.end()) {
      return ErrnoStatus(ENOENT, operation, path);
    }
    if (entry->second->kind == Object::Kind::kFile) {
      return ErrnoStatus(ENOTDIR, operation, path);
    }
    directory = entry->second->kind == Object::Kind::kDirectory ? entry->second : nullptr;
  }
  if (directory == nullptr) {
    const absl::StatusOr<FileStatus> status = disk_->Stat(normal + "/.");
    if (absl::IsNotFound(status.status())) {
      return ErrnoStatus(ENOENT, operation, path);
    }
    PERIGEE_RETURN_IF_ERROR(status.status());
    directory = std::make_shared<Object>(Object::Kind::kDirectory, normal);
  }
  PERIGEE_RETURN_IF_ERROR(Load(*directory, normal));
  directories_[normal] = directory;
  return directory;
}

absl::StatusOr<PowercutFileSystem::Place> PowercutFileSystem::Find(const std::string& path,
                                                                   const char* operation) {
  const std::string normal = Normal(path);
  const absl::StatusOr<ObjectPointer> directory = FindDirectory(ParentOf(normal), operation);
  if (absl::IsNotFound(directory.status())) {
    return ErrnoStatus(ENOENT, operation, path);
  }
  PERIGEE_RETURN_IF_ERROR(directory.status());
  Place place = {.directory = *directory, .name = NameOf(normal), .object = nullptr};
  const auto entry = place.directory->visible.find(place.name);
  if (entry != place.directory->visible.end()) {
    place.object = entry->second;
  }
  return place;
}

absl::StatusOr<PowercutFileSystem::Place> PowercutFileSystem::FindFile(const std::string& path,
                                                                       const char* operation) {
  PERIGEE_ASSIGN_OR_RETURN(Place place, Find(path, operation));
  if (place.object == nullptr) {
    return ErrnoStatus(ENOENT, operation, path);
  }
  if (place.object->kind != Object::Kind::kFile) {
    return ErrnoStatus(place.object->kind == Object::Kind::kDirectory ? EISDIR : ELOOP, operation,
                       path);
  }
  return place;
}

absl::StatusOr<PowercutFileSystem::ObjectPointer> PowercutFileSystem::MakeFile() {
  const auto file = std::make_shared<Object>(Object::Kind::kFile, NewSpillPath(), disk_);
  PERIGEE_ASSIGN_OR_RETURN(std::unique_ptr<File> opened,
                           disk_->Open(file->disk_path, {.mode = OpenMode::kCreateExclusive}));
  PERIGEE_ASSIGN_OR_RETURN(const FileStatus status, disk_->Stat(file->disk_path));
  file->node = std::make_unique<PowercutNode>(std::move(opened), 0, power_);
  files_[{status.device, status.inode}] = file;
  return file;
}

absl::Status PowercutFileSystem::OpenNode(Object& file) {
  if (file.node != nullptr) {
    return absl::OkStatus();
  }
  absl::StatusOr<std::unique_ptr<File>> opened =
      disk_->Open(file.disk_path, {.mode = OpenMode::kReadWrite});
  if (absl::IsPermissionDenied(opened.status())) {
    opened = disk_->Open(file.disk_path, {});
  }
  PERIGEE_RETURN_IF_ERROR(opened.status());
  PERIGEE_ASSIGN_OR_RETURN(const uint64_t size, (*opened)->Size());
  file.node = std::make_unique<PowercutNode>(*std::move(opened), size, power_);
  return absl::OkStatus();
}

absl::Status PowercutFileSystem::Pin(Object& file) {
  if (file.spill_owner != nullptr) {
    return absl::OkStatus();
  }
  const std::string spill_path = NewSpillPath();
  PERIGEE_RETURN_IF_ERROR(disk_->Link(file.disk_path, spill_path));
  file.disk_path = spill_path;
  file.spill_owner = disk_;
  return absl::OkStatus();
}

absl::Status PowercutFileSystem::SetVisible(Object& directory, const std::string& name,
                                            ObjectPointer object) {
  PERIGEE_RETURN_IF_ERROR(power_->Call("name", absl::StrCat(directory.disk_path, "/", name)));
  if (object == nullptr) {
    directory.visible.erase(name);
  } else {
    directory.visible[name] = std::move(object);
  }
  return power_->Chance(kEarlyNameOdds) ? Persist(directory, name) : absl::OkStatus();
}

absl::Status PowercutFileSystem::RemoveFromDisk(const std::string& path) {
  PERIGEE_ASSIGN_OR_RETURN(const FileStatus status, disk_->Stat(path));
  if (!status.is_directory) {
    return disk_->RemoveFile(path);
  }
  // Its entries may not know yet that they are gone.
  PERIGEE_ASSIGN_OR_RETURN(const std::vector<std::string> names, disk_->List(path));
  for (const std::string& name : names) {
    PERIGEE_RETURN_IF_ERROR(RemoveFromDisk(absl::StrCat(path, "/", name)));
  }
  return disk_->RemoveDirectory(path);
}

absl::Status PowercutFileSystem::Persist(Object& directory, const std::string& name) {
  const auto visible = directory.visible.find(name);
  const auto durable = directory.durable.find(name);
  const bool is_visible = visible != directory.visible.end();
  const bool is_durable = durable != directory.durable.end();
  if (is_visible == is_durable && (!is_visible || visible->second == durable->second)) {
    return absl::OkStatus();
  }
  const std::string path = absl::StrCat(directory.disk_path, "/", name);
  const bool replaces = is_visible && is_durable && visible->second->kind == Object::Kind::kFile &&
                        durable->second->kind == Object::Kind::kFile;
  if (is_durable && !replaces) {
    PERIGEE_RETURN_IF_ERROR(RemoveFromDisk(path));
    directory.durable.erase(name);
  }
  if (!is_visible) {
    return absl::OkStatus();
  }
  Object& object = *visible->second;
  if (object.kind == Object::Kind::kDirectory) {
    PERIGEE_RETURN_IF_ERROR(disk_->Rename(object.disk_path, path));
    object.disk_path = path;
    for (const auto& [child_name, child] : object.durable) {
      if (child->kind == Object::Kind::kDirectory) {
        child->disk_path = absl::StrCat(path, "/", child_name);
      }
    }
  } else {
    // A second name moved over the first: there is no moment without either.
    const std::string moving = NewSpillPath();
    PERIGEE_RETURN_IF_ERROR(disk_->Link(object.disk_path, moving));
    PERIGEE_RETURN_IF_ERROR(disk_->Rename(moving, path));
  }
  directory.durable[name] = visible->second;
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<File>> PowercutFileSystem::DoOpen(const std::string& path,
                                                                 const OpenOptions& options,
                                                                 IoSite) {
  const absl::MutexLock lock(&mutex_);
  ObjectPointer file;
  if (options.mode == OpenMode::kCreateExclusive) {
    PERIGEE_ASSIGN_OR_RETURN(const Place place, Find(path, "open"));
    if (place.object != nullptr) {
      return ErrnoStatus(EEXIST, "open", path);
    }
    PERIGEE_ASSIGN_OR_RETURN(file, MakeFile());
    PERIGEE_RETURN_IF_ERROR(SetVisible(*place.directory, place.name, file));
  } else {
    PERIGEE_ASSIGN_OR_RETURN(const Place place, FindFile(path, "open"));
    file = place.object;
    PERIGEE_RETURN_IF_ERROR(OpenNode(*file));
  }
  file->node->SetPath(path);
  return std::make_unique<PowercutFile>(path, options.mode != OpenMode::kReadOnly, *file->node,
                                        file);
}

absl::Status PowercutFileSystem::DoCreateDirectory(const std::string& path, IoSite) {
  const absl::MutexLock lock(&mutex_);
  PERIGEE_ASSIGN_OR_RETURN(const Place place, Find(path, "create directory"));
  if (place.object != nullptr) {
    return ErrnoStatus(EEXIST, "create directory", path);
  }
  const auto directory = std::make_shared<Object>(Object::Kind::kDirectory, NewSpillPath());
  PERIGEE_RETURN_IF_ERROR(disk_->CreateDirectory(directory->disk_path));
  directories_[Normal(path)] = directory;
  return SetVisible(*place.directory, place.name, directory);
}

absl::Status PowercutFileSystem::DoSyncDirectory(const std::string& path, IoSite) {
  const absl::MutexLock lock(&mutex_);
  PERIGEE_ASSIGN_OR_RETURN(const ObjectPointer directory, FindDirectory(path, "sync directory"));
  PERIGEE_RETURN_IF_ERROR(power_->Call("sync_directory", path));
  std::set<std::string> names;
  for (const Entries* entries : {&directory->visible, &directory->durable}) {
    for (const auto& [name, object] : *entries) {
      names.insert(name);
    }
  }
  for (const std::string& name : names) {
    PERIGEE_RETURN_IF_ERROR(Persist(*directory, name));
  }
  return disk_->SyncDirectory(directory->disk_path);
}

absl::Status PowercutFileSystem::DoRename(const std::string& from, const std::string& to, IoSite) {
  const absl::MutexLock lock(&mutex_);
  const std::string both = absl::StrCat(from, " to ", to);
  PERIGEE_ASSIGN_OR_RETURN(const Place source, Find(from, "rename"));
  PERIGEE_ASSIGN_OR_RETURN(const Place target, Find(to, "rename"));
  if (source.object == nullptr) {
    return ErrnoStatus(ENOENT, "rename", both);
  }
  if (source.object->kind != Object::Kind::kFile) {
    return absl::UnimplementedError(absl::StrCat("rename ", both, ": files only"));
  }
  if (target.object == source.object) {
    return absl::OkStatus();
  }
  if (target.object != nullptr) {
    if (target.object->kind != Object::Kind::kFile) {
      return ErrnoStatus(EISDIR, "rename", both);
    }
    PERIGEE_RETURN_IF_ERROR(Pin(*target.object));
  }
  PERIGEE_RETURN_IF_ERROR(Pin(*source.object));
  if (source.object->node != nullptr) {
    source.object->node->SetPath(to);
  }
  PERIGEE_RETURN_IF_ERROR(SetVisible(*target.directory, target.name, source.object));
  return SetVisible(*source.directory, source.name, nullptr);
}

absl::Status PowercutFileSystem::DoLink(const std::string& from, const std::string& to, IoSite) {
  const absl::MutexLock lock(&mutex_);
  const std::string both = absl::StrCat(from, " to ", to);
  PERIGEE_ASSIGN_OR_RETURN(const Place source, Find(from, "link"));
  PERIGEE_ASSIGN_OR_RETURN(const Place target, Find(to, "link"));
  if (source.object == nullptr || source.object->kind != Object::Kind::kFile) {
    return ErrnoStatus(source.object == nullptr ? ENOENT : EPERM, "link", both);
  }
  if (target.object != nullptr) {
    return ErrnoStatus(EEXIST, "link", both);
  }
  PERIGEE_RETURN_IF_ERROR(Pin(*source.object));
  return SetVisible(*target.directory, target.name, source.object);
}

absl::Status PowercutFileSystem::DoRemoveFile(const std::string& path, IoSite) {
  const absl::MutexLock lock(&mutex_);
  PERIGEE_ASSIGN_OR_RETURN(const Place place, FindFile(path, "remove"));
  PERIGEE_RETURN_IF_ERROR(Pin(*place.object));
  return SetVisible(*place.directory, place.name, nullptr);
}

absl::Status PowercutFileSystem::DoRemoveDirectory(const std::string& path, IoSite) {
  const absl::MutexLock lock(&mutex_);
  PERIGEE_ASSIGN_OR_RETURN(const Place place, Find(path, "remove directory"));
  PERIGEE_ASSIGN_OR_RETURN(const ObjectPointer directory, FindDirectory(path, "remove directory"));
  if (!directory->visible.empty()) {
    return ErrnoStatus(ENOTEMPTY, "remove directory", path);
  }
  directories_.erase(Normal(path));
  return SetVisible(*place.directory, place.name, nullptr);
}

absl::StatusOr<FileStatus> PowercutFileSystem::DoStat(const std::string& path, IoSite) {
  const absl::MutexLock lock(&mutex_);
  const bool follows = path.size() >= 2 && path.compare(path.size() - 2, 2, "/.") == 0;
  if (follows || Normal(path) == "/" || Normal(path) == ".") {
    PERIGEE_ASSIGN_OR_RETURN(const ObjectPointer directory, FindDirectory(path, "stat"));
    return disk_->Stat(directory->disk_path + "/.");
  }
  PERIGEE_ASSIGN_OR_RETURN(const Place place, Find(path, "stat"));
  if (place.object == nullptr) {
    return ErrnoStatus(ENOENT, "stat", path);
  }
  PERIGEE_ASSIGN_OR_RETURN(FileStatus status, disk_->Stat(place.object->disk_path));
  if (place.object->node != nullptr) {
    status.size = place.object->node->size();
  }
  return status;
}

absl::StatusOr<std::vector<std::string>> PowercutFileSystem::DoList(const std::string& path,
                                                                    IoSite) {
  const absl::MutexLock lock(&mutex_);
  PERIGEE_ASSIGN_OR_RETURN(const ObjectPointer directory, FindDirectory(path, "list"));
  std::vector<std::string> names;
  for (const auto& [name, object] : directory->visible) {
    names.push_back(name);
  }
  return names;
}

absl::StatusOr<std::unique_ptr<FileLock>> PowercutFileSystem::DoLock(const std::string& path,
                                                                     IoSite) {
  const absl::MutexLock lock(&mutex_);
  PERIGEE_ASSIGN_OR_RETURN(const Place place, FindFile(path, "lock"));
  return disk_->Lock(place.object->disk_path);
}

absl::StatusOr<SpaceStatus> PowercutFileSystem::DoSpace(const std::string& path, IoSite) {
  const absl::MutexLock lock(&mutex_);
  PERIGEE_ASSIGN_OR_RETURN(const ObjectPointer directory, FindDirectory(path, "statfs"));
  return disk_->Space(directory->disk_path);
}

}  // namespace perigee::storage
