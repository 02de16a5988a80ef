// SPDX-License-Identifier: Apache-2.0
#include "tools/inspect/directory_survey.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "storage/foundation/status_macros.h"
#include "storage/foundation/string_view_bridge.h"
#include "tools/inspect/disk_file.h"
#include "tools/inspect/identity_decoder.h"

namespace perigee::tools::inspect {
namespace {

constexpr std::array<std::string_view, 6> kFolders = {"wal",  "seg", "del",
                                                      "book", "tmp", "quarantine"};
// Known names of files that hold no data and may be missing at any time.
constexpr std::array<std::string_view, 4> kNoData = {"LOCK", "SCRUB", "RESERVE", "OPENING"};
constexpr std::string_view kLogSuffix = ".wal";
constexpr size_t kLogDigitsMin = 16;

bool TakeName(std::string_view folder, const std::string& name, DirectorySurvey& survey) {
  if (folder == "wal") {
    if (!name.ends_with(kLogSuffix)) {
      return false;
    }
    const std::optional<uint64_t> number = ParseFileNumber(
        std::string_view(name).substr(0, name.size() - kLogSuffix.size()), kLogDigitsMin);
    if (number.has_value()) {
      survey.logs.push_back(*number);
    }
    return number.has_value();
  }
  if (folder == "tmp") {
    survey.has_marker = survey.has_marker || name == "INITIALISING";
    survey.temporaries.push_back(absl::StrCat("tmp/", name));
    return true;
  }
  const std::optional<Uuid> uuid = Uuid::Parse(name);
  if (uuid.has_value()) {
    const FileKind kind = folder == "seg"   ? FileKind::kSegment
                          : folder == "del" ? FileKind::kDeletion
                                            : FileKind::kCodebook;
    survey.files.insert({kind, *uuid});
  }
  return uuid.has_value();
}

absl::Status TakeFolder(const std::string& directory, std::string_view folder,
                        DirectorySurvey& survey, FindingList& findings) {
  const std::string path = absl::StrCat(directory, "/", Absl(folder));
  if (!IsDirectory(path)) {
    findings.Add({.code = "directory.folder",
                  .file = absl::StrCat(Absl(folder), "/"),
                  .expected = "a directory that is not a symbolic link",
                  .found = "something else"});
    return absl::OkStatus();
  }
  PERIGEE_ASSIGN_OR_RETURN(const std::vector<std::string> names, ListNames(path));
  if (folder == "quarantine") {
    survey.quarantined = names.size();
    return absl::OkStatus();
  }
  for (const std::string& name : names) {
    if (!TakeName(folder, name, survey)) {
      survey.unknown.push_back(absl::StrCat(Absl(folder), "/", name));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status SurveyDirectory(const std::string& directory, DirectorySurvey& survey,
                             FindingList& findings) {
  PERIGEE_ASSIGN_OR_RETURN(const std::vector<std::string> names, ListNames(directory));
  for (const std::string& name : names) {
    if (std::find(kFolders.begin(), kFolders.end(), name) != kFolders.end()) {
      PERIGEE_RETURN_IF_ERROR(TakeFolder(directory, name, survey, findings));
    } else if (name == "IDENTITY") {
      survey.has_identity = true;
    } else if (name == "CURRENT") {
      survey.has_current = true;
    } else if (const std::optional<uint64_t> number = ParseManifestName(name); number.has_value()) {
      survey.manifests.push_back(*number);
    } else if (std::find(kNoData.begin(), kNoData.end(), name) == kNoData.end()) {
      survey.unknown.push_back(name);
    }
  }
  std::sort(survey.manifests.begin(), survey.manifests.end());
  std::sort(survey.logs.begin(), survey.logs.end());
  return absl::OkStatus();
}

}  // namespace perigee::tools::inspect
