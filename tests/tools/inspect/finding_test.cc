// SPDX-License-Identifier: Apache-2.0
#include "tools/inspect/finding.h"

#include <doctest/doctest.h>

namespace perigee::tools::inspect {
namespace {

TEST_CASE("notices leave a list clean, anything else does not") {
  FindingList list;
  FileFindings file(list, "seg/x");
  CHECK(list.clean());
  file.Add({.severity = Severity::kNotice, .code = "a"});
  CHECK(list.clean());
  CHECK(file.clean());
  CHECK_FALSE(file.Add({.code = "b"}));
  CHECK_FALSE(list.clean());
  CHECK_FALSE(file.clean());
  CHECK(list.Has(Severity::kDamage));
  CHECK_FALSE(list.Has(Severity::kUnreadable));
  CHECK(list.findings()[1].file == "seg/x");
}

TEST_CASE("findings beyond the limit are counted and not kept") {
  FindingList list;
  for (size_t i = 0; i < FindingList::kFindingsMax + 7; ++i) {
    list.Add({.code = "x"});
  }
  CHECK(list.findings().size() == FindingList::kFindingsMax);
  CHECK(list.left_out() == 7);
}

}  // namespace
}  // namespace perigee::tools::inspect
