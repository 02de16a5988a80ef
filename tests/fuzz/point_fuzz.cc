// SPDX-License-Identifier: Apache-2.0
//
// Goal: what the log's records, schemas, ids and points as JSON are read from may be any bytes;
// what is accepted is written again as the same bytes, keeps the limits, and is ordered as its
// encoding.
//
// Method: the first byte of an input says what the rest is. What decodes is encoded and compared,
// and rows of an upsert are checked against a schema of their own. The mutator takes records apart,
// changes them and encodes them again, then damages the bytes now and then.
#include <algorithm>
#include <array>
#include <cstring>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "engine/collection/schema_codec.h"
#include "engine/collection/wal_operation.h"
#include "perigee/model/point_id.h"
#include "storage/encoding/byte_codec.h"
#include "storage/foundation/check.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/payload_mutator.h"
#include "tools/point_json/point_json.h"

namespace perigee::tests {
namespace {

enum class Kind : uint8_t {
  kUpsert,
  kDelete,
  kAttach,
  kCreate,
  kDrop,
  kSchema,
  kIds,
  kPointLine,
  kCount,  // not a kind
};

constexpr size_t kIdsMax = 200;

// Two vectors, so that presence bits and lengths can be right and wrong.
const CollectionSchema& TestSchema() {
  static const CollectionSchema schema = {
      .vectors = {{.name = "", .dimension = 2},
                  {.name = "v", .dimension = 3, .element = VectorElement::kFloat16}}};
  return schema;
}

template <typename Record>
void CheckRecord(const absl::StatusOr<Record>& record, std::string_view bytes) {
  if (!record.ok()) {
    PERIGEE_CHECK(absl::IsDataLoss(record.status()) || absl::IsUnimplemented(record.status()),
                  record.status().ToString());
    return;
  }
  PERIGEE_CHECK(engine::EncodeRecord(*record) == bytes, "encodes to other bytes");
}

void CheckId(std::string_view encoded) {
  const auto id = PointId::Decode(encoded);
  PERIGEE_CHECK(id.ok() && id->Encode() == encoded && Validate(*id).ok());
}

void CheckUpsert(std::string_view bytes) {
  const auto record = engine::DecodeUpsert(storage::AsBytes(bytes));
  CheckRecord(record, bytes);
  if (!record.ok()) {
    return;
  }
  for (const engine::RowImage& row : record->rows) {
    CheckId(row.encoded_id);
  }
  const bool fits = engine::CheckRowsAgainstSchema(*record, TestSchema()).ok();
  const bool expected =
      std::all_of(record->rows.begin(), record->rows.end(), [](const engine::RowImage& row) {
        return row.presence_bits >= 1 && row.presence_bits <= 3 &&
               row.vectors[0].size() == ((row.presence_bits & 1U) != 0 ? 8U : 0U) &&
               row.vectors[1].size() == ((row.presence_bits & 2U) != 0 ? 6U : 0U);
      });
  PERIGEE_CHECK(fits == expected);
}

void CheckDelete(std::string_view bytes) {
  const auto record = engine::DecodeDelete(storage::AsBytes(bytes));
  CheckRecord(record, bytes);
  if (record.ok()) {
    for (const std::string_view id : record->encoded_ids) {
      CheckId(id);
    }
  }
}

void CheckCreate(std::string_view bytes) {
  const auto record = engine::DecodeCreateCollection(storage::AsBytes(bytes));
  CheckRecord(record, bytes);
  if (record.ok()) {
    PERIGEE_CHECK(ValidateCollectionName(record->name).ok() && Validate(record->schema).ok());
  }
}

void CheckSchema(std::string_view bytes) {
  const auto schema = engine::DecodeSchema(storage::AsBytes(bytes));
  if (schema.ok()) {
    PERIGEE_CHECK(engine::EncodeSchema(*schema) == bytes);
    PERIGEE_CHECK(Validate(*schema).ok() && !ToJson(*schema).empty());
  }
}

// A length and two encoded ids: their order is that of their bytes.
void CheckIds(std::string_view bytes) {
  storage::ByteReader reader(bytes);
  const size_t first_bytes = reader.U8();
  const std::string_view first = reader.Text(std::min(first_bytes, reader.remaining()));
  const std::string_view second = reader.Text(reader.remaining());
  const auto a = PointId::Decode(first);
  const auto b = PointId::Decode(second);
  if (!a.ok() || !b.ok()) {
    return;
  }
  CheckId(first);
  CheckId(second);
  PERIGEE_CHECK((*a <=> *b) == (first <=> second) && (*a == *b) == (first == second));
  const auto value = ParsePayloadValueJson(tools::IdJson(*a));
  PERIGEE_CHECK(value.ok() && *tools::PointIdOfJson(*value) == *a);
}

void CheckPointLine(std::string_view bytes) {
  const auto value = ParsePayloadValueJson(bytes);
  if (!value.ok()) {
    PERIGEE_CHECK(absl::IsInvalidArgument(value.status()), value.status().ToString());
    PERIGEE_CHECK(!tools::ParsePointLineFields(bytes).ok());
    return;
  }
  const auto again = ParsePayloadValueJson(ToJson(*value));
  PERIGEE_CHECK(again.ok() && ToJson(*again) == ToJson(*value), ToJson(*value));
  const auto fields = tools::ParsePointLineFields(bytes);
  const auto point = tools::ParsePointLine(bytes);
  PERIGEE_CHECK(point.ok() == (fields.ok() && fields->has_id), point.status().ToString());
  if (point.ok()) {
    const std::string line = tools::PointLine(*point);
    const auto back = tools::ParsePointLine(line);
    PERIGEE_CHECK(back.ok() && *back == *point && tools::PointLine(*back) == line, line);
    static_cast<void>(Validate(*point, TestSchema()));
  }
}

std::string RandomId(ByteMutator& mutator) {
  if (mutator.Chance(50)) {
    return PointId::EncodeInteger(mutator.Integer(7));
  }
  std::string id = "\x01id";
  mutator.MutateRun(id, 20);
  return id;
}

// A record whose views point into `texts`, which only grows.
class RecordMutation {
 public:
  explicit RecordMutation(ByteMutator& mutator) : mutator_(mutator) { texts_.reserve(64); }

  void Change(engine::UpsertRecord& record) {
    Uuid(record.collection);
    if (record.rows.empty() || (record.rows.size() < 8 && mutator_.Chance(20))) {
      record.rows.push_back({.encoded_id = Text(RandomId(mutator_)), .vectors = {}, .payload = {}});
    }
    engine::RowImage& row = record.rows[mutator_.Below(record.rows.size())];
    switch (mutator_.Below(5)) {
      case 0:
        row.encoded_id = Text(RandomId(mutator_));
        break;
      case 1:
        row.presence_bits =
            static_cast<uint32_t>(mutator_.Chance(80) ? mutator_.Below(4) : mutator_.Below(256));
        break;
      case 2: {
        const size_t ordinal = mutator_.Below(3);
        constexpr size_t kSizes[] = {8, 6, 4};
        row.vectors[ordinal] =
            Bytes(std::string(mutator_.Chance(80) ? kSizes[ordinal] : mutator_.Below(40), '\x3F'));
        break;
      }
      case 3:
        row.payload = Bytes(Changed(row.payload));
        break;
      default:
        record.rows.erase(record.rows.begin() +
                          static_cast<std::ptrdiff_t>(mutator_.Below(record.rows.size())));
        break;
    }
  }

  void Change(engine::DeleteRecord& record) {
    Uuid(record.collection);
    if (!record.encoded_ids.empty() && mutator_.Chance(30)) {
      record.encoded_ids.pop_back();
    } else if (record.encoded_ids.size() < kIdsMax) {
      record.encoded_ids.push_back(Text(RandomId(mutator_)));
    }
  }

  void Change(engine::AttachRecord& record) {
    Uuid(record.collection);
    if (record.segments.empty() || (record.segments.size() < 8 && mutator_.Chance(30))) {
      record.segments.emplace_back();
    }
    engine::SegmentReceipt& receipt = record.segments[mutator_.Below(record.segments.size())];
    Uuid(receipt.segment);
    receipt.file_bytes = mutator_.Integer(receipt.file_bytes);
    receipt.row_count = mutator_.Integer(receipt.row_count);
  }

  void Change(engine::CreateCollectionRecord& record) {
    Uuid(record.collection);
    Uuid(record.tenant);
    record.hash_seed = mutator_.Integer(record.hash_seed);
    mutator_.MutateRun(record.name, 20);
    Change(record.schema);
  }

  void Change(engine::DropCollectionRecord& record) { Uuid(record.collection); }

  void Change(CollectionSchema& schema) {
    if (schema.vectors.empty() || (schema.vectors.size() < 9 && mutator_.Chance(30))) {
      schema.vectors.push_back(
          {.name = std::string(1, static_cast<char>('a' + mutator_.Below(9))), .dimension = 2});
    }
    VectorSchema& vector = schema.vectors[mutator_.Below(schema.vectors.size())];
    switch (mutator_.Below(6)) {
      case 0:
        vector.dimension = static_cast<uint32_t>(mutator_.Integer(vector.dimension));
        break;
      case 1:
        vector.metric = static_cast<DistanceMetric>(mutator_.Below(5));
        break;
      case 2:
        vector.element = static_cast<VectorElement>(mutator_.Below(4));
        break;
      case 3:
        vector.hnsw.m = static_cast<uint32_t>(mutator_.Integer(vector.hnsw.m));
        break;
      case 4:
        vector.hnsw.ef_construction =
            static_cast<uint32_t>(mutator_.Integer(vector.hnsw.ef_construction));
        break;
      default:
        mutator_.MutateRun(vector.name, 140);
        break;
    }
  }

 private:
  std::string_view Text(std::string text) {
    texts_.push_back(std::move(text));
    return texts_.back();
  }
  std::span<const std::byte> Bytes(std::string bytes) {
    return storage::AsBytes(Text(std::move(bytes)));
  }
  std::string Changed(std::span<const std::byte> bytes) {
    std::string changed(storage::AsText(bytes));
    mutator_.MutateRun(changed, 60);
    return changed;
  }
  void Uuid(storage::Uuid& uuid) {
    if (mutator_.Chance(10)) {
      std::array<std::byte, storage::Uuid::kBytes> bytes{};
      bytes.fill(static_cast<std::byte>(mutator_.Below(256)));
      uuid = storage::Uuid(bytes);
    }
  }

  ByteMutator& mutator_;
  std::vector<std::string> texts_;  // never more than reserved: views into them stay
};

template <typename Record>
std::string MutateRecord(absl::StatusOr<Record> decoded, ByteMutator& mutator) {
  Record record = decoded.ok() ? *std::move(decoded) : Record();
  RecordMutation mutation(mutator);
  for (uint64_t changes = 1 + mutator.Below(3); changes > 0; --changes) {
    mutation.Change(record);
  }
  return engine::EncodeRecord(record);
}

std::string MutateSchema(std::string_view bytes, ByteMutator& mutator) {
  CollectionSchema schema = engine::DecodeSchema(storage::AsBytes(bytes)).value_or(TestSchema());
  RecordMutation(mutator).Change(schema);
  return engine::EncodeSchema(schema);
}

std::string MutateLine(std::string_view bytes, ByteMutator& mutator) {
  PayloadValue value = ParsePayloadValueJson(bytes).value_or(PayloadValue(
      PayloadObject{{"id", 7}, {"vector", PayloadArray{0.5, 1}}, {"payload", PayloadObject()}}));
  MutatePayloadValue(value, mutator);
  return ToJson(value);
}

// Taken apart, changed, put together; the checks see past the lengths.
std::string MutateParts(Kind kind, std::string_view text, ByteMutator& mutator) {
  const std::span<const std::byte> bytes = storage::AsBytes(text);
  switch (kind) {
    case Kind::kUpsert:
      return MutateRecord(engine::DecodeUpsert(bytes), mutator);
    case Kind::kDelete:
      return MutateRecord(engine::DecodeDelete(bytes), mutator);
    case Kind::kAttach:
      return MutateRecord(engine::DecodeAttach(bytes), mutator);
    case Kind::kCreate:
      return MutateRecord(engine::DecodeCreateCollection(bytes), mutator);
    case Kind::kDrop:
      return MutateRecord(engine::DecodeDropCollection(bytes), mutator);
    case Kind::kSchema:
      return MutateSchema(text, mutator);
    case Kind::kIds: {
      const std::string first = RandomId(mutator);
      return std::string(1, static_cast<char>(first.size())) + first + RandomId(mutator);
    }
    case Kind::kPointLine:
      return MutateLine(text, mutator);
    case Kind::kCount:
      break;
  }
  return std::string(text);
}

Kind KindOf(std::string_view input) {
  return static_cast<Kind>(static_cast<uint8_t>(input[0]) % static_cast<uint8_t>(Kind::kCount));
}

}  // namespace

void RunInput(std::string_view input) {
  if (input.empty()) {
    return;
  }
  const std::string_view text = input.substr(1);
  const std::span<const std::byte> bytes = storage::AsBytes(text);
  switch (KindOf(input)) {
    case Kind::kUpsert:
      return CheckUpsert(text);
    case Kind::kDelete:
      return CheckDelete(text);
    case Kind::kAttach:
      return CheckRecord(engine::DecodeAttach(bytes), text);
    case Kind::kCreate:
      return CheckCreate(text);
    case Kind::kDrop:
      return CheckRecord(engine::DecodeDropCollection(bytes), text);
    case Kind::kSchema:
      return CheckSchema(text);
    case Kind::kIds:
      return CheckIds(text);
    case Kind::kPointLine:
      return CheckPointLine(text);
    case Kind::kCount:
      break;
  }
}

std::string MutateInput(std::string_view input, size_t size_max, ByteMutator& mutator) {
  Kind kind = input.empty() ? Kind::kUpsert : KindOf(input);
  std::string rest(input.substr(std::min<size_t>(input.size(), 1)));
  if (mutator.Chance(3)) {
    kind = static_cast<Kind>(mutator.Below(static_cast<uint64_t>(Kind::kCount)));
  }
  if (mutator.Chance(60)) {
    rest = MutateParts(kind, rest, mutator);
  }
  if (mutator.Chance(50)) {
    if (mutator.Chance(50) && !rest.empty()) {
      mutator.Field(rest, mutator.Below(rest.size()), size_t{1} << mutator.Below(3));
    } else {
      mutator.MutateRun(rest, std::min(size_max, rest.size() + 32));
    }
  }
  return std::string(1, static_cast<char>(kind)) + rest;
}

}  // namespace perigee::tests
