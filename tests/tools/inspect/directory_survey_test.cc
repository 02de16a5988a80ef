// SPDX-License-Identifier: Apache-2.0
#include "tools/inspect/directory_survey.h"

#include <doctest/doctest.h>

#include <filesystem>

#include "tests/support/temporary_directory.h"
#include "tests/tools/inspect/database_kinds.h"

namespace perigee::tools::inspect {
namespace {

struct Fixture {
  Fixture() { tests::MakeDatabase("sealed", path); }
  DirectorySurvey Survey() {
    DirectorySurvey survey;
    list = {};
    REQUIRE(SurveyDirectory(path, survey, list).ok());
    return survey;
  }
  storage::TemporaryDirectory directory;
  std::string path = directory.PathOf("db");
  FindingList list;
};

TEST_CASE_FIXTURE(Fixture, "a database has known names only") {
  tests::WriteBytes(path + "/SCRUB", "of no importance");
  const DirectorySurvey survey = Survey();
  CHECK(survey.is_database());
  CHECK(survey.has_objects());
  CHECK(survey.manifests.size() >= 1);
  CHECK(survey.logs.size() >= 1);
  CHECK(survey.files.size() == 3);
  CHECK(survey.unknown.empty());
  CHECK(list.findings().empty());
}

TEST_CASE_FIXTURE(Fixture, "other spellings are unknown names") {
  const std::vector<std::string> names = {"MANIFEST-7",
                                          "identity",
                                          "wal/42.wal",
                                          "wal/0000000000000042.WAL",
                                          "seg/C0FFEE00-1234-4567-89ab-cdef01234567",
                                          "del/x"};
  for (const std::string& name : names) {
    tests::WriteBytes(path + "/" + name, "");
  }
  tests::WriteBytes(path + "/quarantine/anything", "");
  CHECK(Survey().unknown.size() == names.size());
  CHECK(Survey().quarantined == 1);
}

TEST_CASE_FIXTURE(Fixture, "a folder that is a link or a file is damage") {
  std::filesystem::rename(path + "/seg", path + ".elsewhere");
  std::filesystem::create_directory_symlink(path + ".elsewhere", path + "/seg");
  Survey();
  CHECK_FALSE(list.clean());
}

}  // namespace
}  // namespace perigee::tools::inspect
