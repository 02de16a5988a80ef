// SPDX-License-Identifier: Apache-2.0
#include "perigee/model/filter.h"

#include "engine/model/filter_rules.h"
#include "engine/model/validation_error.h"
#include "perigee/model/limits.h"
#include "storage/foundation/status_macros.h"

namespace perigee {
namespace {

/// Visits the tree with its place spelt as in JSON, which is how errors name it.
class TreeValidator {
 public:
  absl::Status Visit(const Filter& filter, const std::string& where, size_t depth) {
    if (depth > limits::kFilterDepthMax) {
      return LimitError(where, ": the filter is deeper than ", limits::kFilterDepthMax,
                        " levels, which is the limit");
    }
    if (++nodes_ > limits::kFilterNodesMax) {
      return LimitError(where, ": the filter has more than ", limits::kFilterNodesMax,
                        " nodes, which is the limit; lists (IN) count as one");
    }
    if (const auto* node = std::get_if<AndNode>(&filter.node)) {
      return Children(node->children, where + ".must", depth);
    }
    if (const auto* node = std::get_if<OrNode>(&filter.node)) {
      if (node->children.empty()) {
        return InvalidError(where, ".should has no conditions; give at least one");
      }
      return Children(node->children, where + ".should", depth);
    }
    if (const auto* node = std::get_if<NotNode>(&filter.node)) {
      if (node->children.size() != 1) {
        return InvalidError(where, ".must_not has ", node->children.size(),
                            " conditions in one node; exactly one is expected");
      }
      return Children(node->children, where + ".must_not", depth);
    }
    if (const auto* node = std::get_if<MinShouldNode>(&filter.node)) {
      if (node->children.empty()) {
        return InvalidError(where, ".min_should has no conditions; give at least one");
      }
      return Children(node->children, where + ".min_should.conditions", depth);
    }
    return Condition(filter.node, where);
  }

 private:
  absl::Status Children(const std::vector<Filter>& children, const std::string& where,
                        size_t depth) {
    for (size_t i = 0; i < children.size(); ++i) {
      PERIGEE_RETURN_IF_ERROR(Visit(children[i], absl::StrCat(where, "[", i, "]"), depth + 1));
    }
    return absl::OkStatus();
  }

  absl::Status Condition(const Filter::Node& node, const std::string& where) {
    PERIGEE_RETURN_IF_ERROR(ValidateCondition(node, where));
    bytes_ += ConditionBytes(node);
    if (bytes_ > limits::kFilterBytesMax) {
      return LimitError(where, ": the filter has more than ", limits::kFilterBytesMax,
                        " bytes of paths and literals, which is the limit");
    }
    return absl::OkStatus();
  }

  size_t nodes_ = 0;
  size_t bytes_ = 0;
};

}  // namespace

// Not defaulted in the header because Filter is incomplete there.
bool operator==(const AndNode& a, const AndNode& b) { return a.children == b.children; }
bool operator==(const OrNode& a, const OrNode& b) { return a.children == b.children; }
bool operator==(const NotNode& a, const NotNode& b) { return a.children == b.children; }
bool operator==(const MinShouldNode& a, const MinShouldNode& b) {
  return a.count == b.count && a.children == b.children;
}

absl::Status Validate(const Filter& filter) { return TreeValidator().Visit(filter, "filter", 1); }

absl::StatusOr<Filter> ParseFilter(std::string_view spelling) {
  const size_t first = spelling.find_first_not_of(" \t\r\n");
  const bool is_json = first != std::string_view::npos && spelling[first] == '{';
  return is_json ? ParseFilterJson(spelling) : ParseFilterText(spelling);
}

}  // namespace perigee
