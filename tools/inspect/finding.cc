// SPDX-License-Identifier: Apache-2.0
#include "tools/inspect/finding.h"

#include <algorithm>

namespace perigee::tools::inspect {

std::string_view SeverityName(Severity severity) {
  switch (severity) {
    case Severity::kNotice:
      return "notice";
    case Severity::kUnsupported:
      return "unsupported";
    case Severity::kUnreadable:
      return "unreadable";
    case Severity::kDamage:
      return "damage";
  }
  return "?";
}

void FindingList::Add(Finding finding) {
  worst_ = std::max(worst_, finding.severity);
  if (findings_.size() < kFindingsMax) {
    findings_.push_back(std::move(finding));
  } else {
    ++left_out_;
  }
}

bool FindingList::Has(Severity severity) const { return CountOf(severity) > 0; }

size_t FindingList::CountOf(Severity severity) const {
  return static_cast<size_t>(
      std::count_if(findings_.begin(), findings_.end(),
                    [severity](const Finding& finding) { return finding.severity == severity; }));
}

bool FileFindings::Add(Finding finding) {
  clean_ = clean_ && finding.severity == Severity::kNotice;
  if (finding.file.empty()) {
    finding.file = file_;
  }
  list_->Add(std::move(finding));
  return false;
}

}  // namespace perigee::tools::inspect
