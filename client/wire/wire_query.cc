// SPDX-License-Identifier: Apache-2.0
#include "client/wire/wire_query.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "client/wire/wire_bounds.h"
#include "client/wire/wire_filter.h"
#include "client/wire/wire_point.h"
#include "perigee/model/limits.h"
#include "storage/foundation/status_macros.h"

namespace perigee::wire {
namespace {

constexpr size_t kSelectedTextsMax = limits::kFilterNodesMax;

void EncodeTexts(const std::vector<std::string>& texts, capnp::List<capnp::Text>::Builder out) {
  for (size_t i = 0; i < texts.size(); ++i) {
    out.set(WireCount(i), WireText(texts[i]));
  }
}

absl::StatusOr<std::vector<std::string>> DecodeTexts(capnp::List<capnp::Text>::Reader in) {
  PERIGEE_RETURN_IF_ERROR(CheckCount("a selector", in.size(), kSelectedTextsMax));
  std::vector<std::string> texts;
  for (const capnp::Text::Reader element : in) {
    PERIGEE_ASSIGN_OR_RETURN(std::string text, CopyText("a selector", element, kNameBytesMax));
    texts.push_back(std::move(text));
  }
  return texts;
}

absl::Status UnknownSelector(schema::SelectorKind kind) {
  return absl::InvalidArgumentError(
      absl::StrCat("unknown kind of selector ", static_cast<int>(kind)));
}

absl::Status DecodeTarget(schema::Query::Target::Reader in, Query& query) {
  if (in.isId()) {
    PERIGEE_ASSIGN_OR_RETURN(query.target, DecodeId(in.getId()));
    return absl::OkStatus();
  }
  PERIGEE_ASSIGN_OR_RETURN(query.target, DecodeFloats(in.getVector()));
  return absl::OkStatus();
}

}  // namespace

void EncodeSelector(const PayloadSelector& selector, schema::PayloadSelector::Builder out) {
  switch (selector.kind) {
    case PayloadSelector::Kind::kAll:
      out.setKind(schema::SelectorKind::ALL);
      break;
    case PayloadSelector::Kind::kNone:
      out.setKind(schema::SelectorKind::NONE);
      break;
    case PayloadSelector::Kind::kPaths:
      out.setKind(schema::SelectorKind::SOME);
      EncodeTexts(selector.paths, out.initPaths(WireCount(selector.paths.size())));
      break;
  }
}

void EncodeSelector(const VectorSelector& selector, schema::VectorSelector::Builder out) {
  switch (selector.kind) {
    case VectorSelector::Kind::kAll:
      out.setKind(schema::SelectorKind::ALL);
      break;
    case VectorSelector::Kind::kNone:
      out.setKind(schema::SelectorKind::NONE);
      break;
    case VectorSelector::Kind::kNames:
      out.setKind(schema::SelectorKind::SOME);
      EncodeTexts(selector.names, out.initNames(WireCount(selector.names.size())));
      break;
  }
}

absl::StatusOr<PayloadSelector> DecodeSelector(schema::PayloadSelector::Reader in) {
  PayloadSelector selector;
  switch (in.getKind()) {
    case schema::SelectorKind::ALL:
      selector.kind = PayloadSelector::Kind::kAll;
      return selector;
    case schema::SelectorKind::NONE:
      selector.kind = PayloadSelector::Kind::kNone;
      return selector;
    case schema::SelectorKind::SOME: {
      selector.kind = PayloadSelector::Kind::kPaths;
      PERIGEE_ASSIGN_OR_RETURN(selector.paths, DecodeTexts(in.getPaths()));
      return selector;
    }
    default:
      return UnknownSelector(in.getKind());
  }
}

absl::StatusOr<VectorSelector> DecodeSelector(schema::VectorSelector::Reader in) {
  VectorSelector selector;
  switch (in.getKind()) {
    case schema::SelectorKind::ALL:
      selector.kind = VectorSelector::Kind::kAll;
      return selector;
    case schema::SelectorKind::NONE:
      selector.kind = VectorSelector::Kind::kNone;
      return selector;
    case schema::SelectorKind::SOME: {
      selector.kind = VectorSelector::Kind::kNames;
      PERIGEE_ASSIGN_OR_RETURN(selector.names, DecodeTexts(in.getNames()));
      return selector;
    }
    default:
      return UnknownSelector(in.getKind());
  }
}

absl::Status EncodeQuery(const Query& query, schema::Query::Builder out) {
  if (const PointId* id = std::get_if<PointId>(&query.target)) {
    EncodeId(*id, out.getTarget().initId());
  } else {
    const auto& vector = std::get<std::vector<float>>(query.target);
    EncodeFloats(vector, out.getTarget().initVector(WireCount(vector.size())));
  }
  if (query.using_vector.has_value()) {
    out.getUsing().setName(WireText(*query.using_vector));
  }
  out.setLimit(query.limit);
  out.setOffset(query.offset);
  if (query.filter.has_value()) {
    PERIGEE_RETURN_IF_ERROR(EncodeFilter(*query.filter, out.initFilter()));
  }
  if (query.score_threshold.has_value()) {
    out.getThreshold().setScore(*query.score_threshold);
  }
  EncodeSelector(query.with_payload, out.initWithPayload());
  EncodeSelector(query.with_vectors, out.initWithVectors());
  out.setRecall(query.recall);
  out.setExact(query.exact);
  if (query.ef.has_value()) {
    out.getEffort().setEf(*query.ef);
  }
  out.setTimeoutMs(query.timeout_ms);
  out.setAllowPartial(query.allow_partial);
  return absl::OkStatus();
}

absl::StatusOr<Query> DecodeQuery(schema::Query::Reader in) {
  Query query;
  PERIGEE_RETURN_IF_ERROR(DecodeTarget(in.getTarget(), query));
  if (in.getUsing().isName()) {
    PERIGEE_ASSIGN_OR_RETURN(query.using_vector,
                             CopyText("using", in.getUsing().getName(), kNameBytesMax));
  }
  query.limit = in.getLimit();
  query.offset = in.getOffset();
  if (in.hasFilter()) {
    PERIGEE_ASSIGN_OR_RETURN(query.filter, DecodeFilter(in.getFilter()));
  }
  if (in.getThreshold().isScore()) {
    query.score_threshold = in.getThreshold().getScore();
  }
  if (in.hasWithPayload()) {
    PERIGEE_ASSIGN_OR_RETURN(query.with_payload, DecodeSelector(in.getWithPayload()));
  }
  if (in.hasWithVectors()) {
    PERIGEE_ASSIGN_OR_RETURN(query.with_vectors, DecodeSelector(in.getWithVectors()));
  }
  query.recall = in.getRecall();
  query.exact = in.getExact();
  if (in.getEffort().isEf()) {
    query.ef = in.getEffort().getEf();
  }
  query.timeout_ms = in.getTimeoutMs();
  query.allow_partial = in.getAllowPartial();
  return query;
}

}  // namespace perigee::wire
