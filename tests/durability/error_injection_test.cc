// SPDX-License-Identifier: Apache-2.0
//
// Goal: whatever call to the disk fails, and however, nothing acknowledged is lost, nothing deleted
// comes back, errors are told as what they are, a failed flush is never repeated, and what can pass
// by itself does (promises 1 to 6 of docs/guarantees.md; rules D5, D6, D14, U6).
// Method: scenarios that together meet every place in the sources that calls the disk run again and
// again on a simulated disk, each time with one of these calls failing: EIO, ENOSPC, EMFILE, EINTR,
// EAGAIN and short transfers, once and for ever, and flushes with each of three behaviours of the
// page cache. After each run the handle must write on or refuse for good; then the process is
// killed, and the power cut, and the database must open with what the script allows.
// PERIGEE_TEST_INJECTIONS is the number of runs asked for in all; each site fails in every way in
// any case.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "tests/durability/injection_campaign.h"
#include "tests/durability/injection_sites.h"

namespace perigee::engine {
namespace {

constexpr uint64_t kRunsByDefault = 2'400;

uint64_t RunsWanted() {
  const char* value = std::getenv("PERIGEE_TEST_INJECTIONS");
  uint64_t runs = 0;
  return value != nullptr && absl::SimpleAtoi(value, &runs) ? runs : kRunsByDefault;
}

void InjectInto(const std::string& name) {
  const std::vector<InjectionScenario>& scenarios = InjectionScenarios();
  const auto scenario = std::find_if(scenarios.begin(), scenarios.end(),
                                     [&](const auto& known) { return known.name == name; });
  REQUIRE(scenario != scenarios.end());
  InjectionCampaign campaign(*scenario);
  const uint64_t wanted = RunsWanted() / scenarios.size();
  const size_t runs =
      std::min(std::max<size_t>(campaign.minimum(), wanted), campaign.injections().size());
  for (size_t i = 0; i < runs; ++i) {
    campaign.Run(campaign.injections()[i], i);
  }
  MESSAGE("durability: ", runs, " I/O errors in '", name, "' of ", campaign.injections().size(),
          " possible, ", campaign.storage_failures(), " ended writing, 0 lost, 0 resurrected");
}

TEST_SUITE("durability") {
  TEST_CASE("errors: every I/O site of the sources is met by a scenario") {
    const std::vector<InjectionSite> sites = AllInjectionSites();
    REQUIRE(sites.size() > 50);
    std::vector<bool> met(sites.size(), false);
    for (const InjectionScenario& scenario : InjectionScenarios()) {
      const InjectionCampaign campaign(scenario);
      for (const storage::CallRecord& call : campaign.trace()) {
        const size_t site = SiteOf(sites, call);
        REQUIRE_MESSAGE(site < sites.size(), "a call from ", std::string(call.site.file), ":",
                        call.site.line, " is in no list; see the rules in injection_sites.h");
        met[site] = true;
      }
    }
    for (size_t i = 0; i < sites.size(); ++i) {
      CHECK_MESSAGE(met[i], "no scenario meets ", sites[i].Name());
    }
    MESSAGE("durability: ", std::count(met.begin(), met.end(), true), " of ", sites.size(),
            " I/O sites injected");
  }

  TEST_CASE("errors: initialise and write") { InjectInto("initialise and write"); }
  TEST_CASE("errors: seal, compact and search") { InjectInto("seal, compact and search"); }
  TEST_CASE("errors: roll the log") { InjectInto("roll the log"); }
  TEST_CASE("errors: bulk load and drop") { InjectInto("bulk load and drop"); }
  TEST_CASE("errors: recover") { InjectInto("recover"); }
  TEST_CASE("errors: recover and seal") { InjectInto("recover and seal"); }
  TEST_CASE("errors: replay a long group") { InjectInto("replay a long group"); }
  TEST_CASE("errors: read only") { InjectInto("read only"); }
  TEST_CASE("errors: scrub") { InjectInto("scrub"); }
  TEST_CASE("errors: a disk of large blocks") { InjectInto("a disk of large blocks"); }
  TEST_CASE("errors: snapshot and restore") { InjectInto("snapshot and restore"); }
  TEST_CASE("errors: large reads") { InjectInto("large reads"); }
  TEST_CASE("errors: a locked directory") { InjectInto("a locked directory"); }
  TEST_CASE("errors: names") { InjectInto("names"); }
  TEST_CASE("errors: a second one while the first is dealt with") {
    for (const InjectionScenario& scenario : InjectionScenarios()) {
      if (!scenario.given.empty()) {
        InjectInto(scenario.name);
      }
    }
  }
}

}  // namespace
}  // namespace perigee::engine
