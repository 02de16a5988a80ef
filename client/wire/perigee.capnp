# SPDX-License-Identifier: Apache-2.0
#
# The wire contract of Perigee. Every result is a union of a value and a Status; an exception of the
# transport means that the connection failed or that there is a bug, never an expected error.
# Semantics, names and limits are those of the public headers in engine/include/perigee/model.

@0xd0b6a7c3f1e25984;

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("perigee::schema");

const protocolVersion :UInt32 = 1;

# ---- errors -------------------------------------------------------------------------------------

struct Status {
  code @0 :UInt16;            # absl::StatusCode; 0 is ok
  reason @1 :Reason;          # why, where a program may want to act on it
  message @2 :Text;
  requestId @3 :Text;         # correlates with the server's log
  retryAfterMs @4 :UInt32;    # 0: no advice
  writerHint @5 :Text;        # notWriter: an address to try
}

enum Reason {                  # N20; docs/errors.md
  none @0;
  storageFailed @1;
  damaged @2;
  locked @3;
  notADatabase @4;
  unknownFormat @5;
  readOnly @6;
  diskFull @7;
  overloaded @8;
  limit @9;
  partial @10;
  unknownOutcome @11;
  fenced @12;
  stale @13;
  notWriter @14;
  throttled @15;
  accessDenied @16;
}

# ---- values -------------------------------------------------------------------------------------

struct PointId {
  union {
    integer @0 :UInt64;
    string @1 :Text;
  }
}

struct NamedVector {
  name @0 :Text;
  values @1 :List(Float32);
}

struct Point {
  id @0 :PointId;
  vectors @1 :List(NamedVector);
  payload @2 :Text;            # one JSON object; empty for {}
}

enum DistanceMetric { invalid @0; cosine @1; l2 @2; dot @3; }
enum VectorElement { invalid @0; float32 @1; float16 @2; }

struct VectorSchema {
  name @0 :Text;
  dimension @1 :UInt32;
  metric @2 :DistanceMetric;
  element @3 :VectorElement;
  hnswM @4 :UInt32;
  hnswEfConstruction @5 :UInt32;
}

struct CollectionSchema {
  vectors @0 :List(VectorSchema);
}

# ---- filters (only trees cross the wire, S8) ------------------------------------------------------

struct FilterValue {
  union {
    boolean @0 :Bool;
    signed @1 :Int64;
    unsigned @2 :UInt64;
    number @3 :Float64;
    text @4 :Text;
  }
}

struct Bounds {
  lt @0 :FilterValue;          # null pointers: not set
  lte @1 :FilterValue;
  gt @2 :FilterValue;
  gte @3 :FilterValue;
}

struct GeoPoint { latitude @0 :Float64; longitude @1 :Float64; }

struct Filter {
  union {
    all @0 :List(Filter);
    any @1 :List(Filter);
    negation @2 :Filter;
    atLeast :group { count @3 :UInt64; children @4 :List(Filter); }
    match :group { path @5 :Text; kind @6 :MatchKind; values @7 :List(FilterValue); }
    text :group { textPath @8 :Text; words @9 :Text; }
    range :group { rangePath @10 :Text; bounds @11 :Bounds; }
    geoRadius :group { radiusPath @12 :Text; center @13 :GeoPoint; radiusM @14 :Float64; }
    geoBox :group { boxPath @15 :Text; topLeft @16 :GeoPoint; bottomRight @17 :GeoPoint; }
    hasId @18 :List(PointId);
    isEmpty @19 :Text;
    isNull @20 :Text;
    valuesCount :group { countPath @21 :Text; countBounds @22 :Bounds; }
    hasVector @23 :Text;
  }
}

enum MatchKind { invalid @0; value @1; any @2; except @3; }

# ---- requests and replies -------------------------------------------------------------------------

struct PayloadSelector {
  kind @0 :SelectorKind;
  paths @1 :List(Text);
}

struct VectorSelector {
  kind @0 :SelectorKind;
  names @1 :List(Text);
}

enum SelectorKind { invalid @0; all @1; none @2; some @3; }

enum UpsertMode { invalid @0; upsert @1; insert @2; update @3; }

struct WriteResult {
  seq @0 :UInt64;
  epoch @1 :UInt64;
  affected @2 :UInt64;
  durability @3 :Text;
}

struct Query {
  target :union {
    vector @0 :List(Float32);
    id @1 :PointId;
  }
  using :union {
    unnamed @2 :Void;          # the unnamed vector, or an error listing the names
    name @3 :Text;
  }
  limit @4 :UInt32 = 10;
  offset @5 :UInt32 = 0;
  filter @6 :Filter;           # null: none
  threshold :union {
    none @7 :Void;
    score @8 :Float32;
  }
  withPayload @9 :PayloadSelector;   # null: all
  withVectors @10 :VectorSelector;   # null: none
  recall @11 :Float64 = 0.95;
  exact @12 :Bool = false;
  effort :union {
    automatic @13 :Void;       # from recall
    ef @16 :UInt32;
  }
  timeoutMs @14 :UInt32 = 5000;
  allowPartial @15 :Bool = false;
}

struct Hit {
  id @0 :PointId;
  score @1 :Float32;
  distance @2 :Float32;
  version @3 :UInt64;
  payload :union {
    absent @4 :Void;
    json @5 :Text;
  }
  vectors @6 :List(NamedVector);
}

struct Usage {
  distances @0 :UInt64;
  rowsTested @1 :UInt64;
  bytesRead @2 :UInt64;
  microseconds @3 :UInt64;
}

struct Coverage {
  segmentsDone @0 :UInt64;
  segmentsTotal @1 :UInt64;
  rowsDone @2 :UInt64;
  rowsTotal @3 :UInt64;
}

struct QueryResult {
  hits @0 :List(Hit);          # the first page
  rest @1 :HitPages;           # null: that was all
  exact @2 :Bool;
  recallEstimate :union {
    unknown @3 :Void;
    value @4 :Float64;
  }
  plan @5 :Text;
  filterScanned @6 :Bool;
  usage @7 :Usage;
  coverage @8 :Coverage;
  seq @9 :UInt64;
  epoch @10 :UInt64;
}

# Results larger than a page of about 1 MiB are pulled (K6). Dropping the capability ends it.
interface HitPages {
  next @0 () -> (result :Result);
  struct Result { union { status @0 :Status; page @1 :Page; } }
  struct Page { hits @0 :List(Hit); last @1 :Bool; }
}

struct PointPage {
  points @0 :List(Point);
  rest @1 :PointPages;         # null: that was all
  seq @2 :UInt64;
  epoch @3 :UInt64;
  nextCursor @4 :Text;         # scroll only
}

interface PointPages {
  next @0 () -> (result :Result);
  struct Result { union { status @0 :Status; page @1 :Page; } }
  struct Page { points @0 :List(Point); last @1 :Bool; }
}

struct SegmentPlan {
  segment @0 :Text;
  rows @1 :UInt64;
  strategy @2 :Text;
  reason @3 :Text;
  selectivity :union {
    unknown @4 :Void;
    value @5 :Float64;
  }
  ef @6 :UInt32;
}

struct ExplainResult {
  usingVector @0 :Text;
  metric @1 :DistanceMetric;
  filterText :union {
    none @2 :Void;
    text @3 :Text;
  }
  filterScanned @4 :Bool;
  segments @5 :List(SegmentPlan);
  seq @6 :UInt64;
  epoch @7 :UInt64;
}

struct VectorStatus {
  name @0 :Text;
  vectors @1 :UInt64;
  vectorsUnindexed @2 :UInt64;
}

struct CollectionDescription {
  name @0 :Text;
  uuid @1 :Text;
  schema @2 :CollectionSchema;
  points @3 :UInt64;
  rowsDeleted @4 :UInt64;
  segmentsGrowing @5 :UInt64;
  segmentsSealing @6 :UInt64;
  segmentsSealed @7 :UInt64;
  vectors @8 :List(VectorStatus);
  memoryBytes @9 :UInt64;
  diskBytes @10 :UInt64;
  appliedSeq @11 :UInt64;
  state @12 :Text;
}

struct DatabaseStatus {
  uuid @0 :Text;
  version @1 :Text;
  epoch @2 :UInt64;
  readOnly @3 :Bool;
  ioBackend @4 :Text;
  simd @5 :Text;
  durability @6 :Text;
  seq @7 :UInt64;
  asOfSeq @8 :UInt64;
  logBytes @9 :UInt64;
  logFiles @10 :UInt64;
  diskFreeBytes @11 :UInt64;
  storageError @12 :Text;
  warnings @13 :List(Text);
  collections @14 :List(CollectionDescription);
  scrub @15 :ScrubStatus;
}

struct SegmentScrub {
  collection @0 :Text;
  segment @1 :Text;            # uuid
  bytes @2 :UInt64;
  verifiedAtMs @3 :Int64;      # Unix time; 0: not yet
  damage @4 :Text;
}

struct ScrubStatus {
  state @0 :Text;
  bytesPerSecond @1 :UInt64;   # 0: off
  bytesTotal @2 :UInt64;
  bytesVerified @3 :UInt64;
  lastFullPassMs @4 :Int64;    # Unix time; 0: not yet
  damagesFound @5 :UInt64;
  segments @6 :List(SegmentScrub);
}

# ---- search of chosen segments (N12) --------------------------------------------------------------
# A pure function of immutable inputs, so it may be cached, hedged and repeated on any node that has the
# bytes. Embedded and single-node queries call the same function in process; no server method yet.

struct SearchSegmentsRequest {
  collection @0 :Text;         # uuid
  manifestVersion @1 :UInt64;
  asOfSeq @2 :UInt64;
  segments @3 :List(Text);     # uuids; empty: all
  query @4 :Query;
  resultsPerSegment @5 :UInt32;  # k', at most offset + limit
  bound :union {
    none @6 :Void;
    distance @7 :Float32;      # hits farther than this cannot matter
  }
  distancesMax @8 :UInt64;     # budget; 0: none
}

struct SearchSegmentsReply {
  union {
    status @0 :Status;
    segments @1 :List(SegmentHits);
  }
}

struct SegmentHits {
  segment @0 :Text;
  hits @1 :List(SegmentHit);
  lastDistance @2 :Float32;
  exhausted @3 :Bool;          # the segment has no further matching row
  method @4 :Text;
  visited @5 :UInt64;
  rows @6 :UInt64;
  microseconds @7 :UInt64;
}

struct SegmentHit {
  distance @0 :Float32;
  id @1 :PointId;
  version @2 :UInt64;
}

struct SnapshotReport {
  databaseUuid @0 :Text;
  epoch @1 :UInt64;
  seq @2 :UInt64;
  files @3 :UInt64;
  bytes @4 :UInt64;
  bytesCopied @5 :UInt64;
}

# ---- capabilities ---------------------------------------------------------------------------------

struct Credential {
  union {
    none @0 :Void;             # loopback and Unix sockets only
    apiKey @1 :Text;
  }
}

# The bootstrap object: nothing else is reachable without a session (S1).
interface Gateway {
  hello @0 (clientVersion :UInt32) -> (serverVersion :UInt32, server :Text, methods :List(Text));
  authenticate @1 (credential :Credential) -> (result :Result);
  struct Result { union { status @0 :Status; session @1 :Session; } }
}

interface Session {
  whoami @0 () -> (principal :Text, rights :UInt32);
  collection @1 (name :Text) -> (result :CollectionResult);
  createCollection @2 (name :Text, schema :CollectionSchema) -> (result :CollectionResult);
  dropCollection @3 (name :Text) -> (status :Status);
  collectionExists @4 (name :Text) -> (result :ExistsResult);
  listCollections @5 () -> (result :ListResult);
  status @6 () -> (result :StatusResult);
  flush @7 () -> (status :Status);
  # Into the directory that the operator chose; a name, never a path (S6). Needs the admin right.
  createSnapshot @8 (name :Text) -> (result :SnapshotResult);

  struct SnapshotResult { union { status @0 :Status; taken @1 :SnapshotReport; } }
  struct CollectionResult { union { status @0 :Status; collection @1 :Collection; } }
  struct ExistsResult { union { status @0 :Status; exists @1 :Bool; } }
  struct ListResult { union { status @0 :Status; collections @1 :List(CollectionDescription); } }
  struct StatusResult { union { status @0 :Status; database @1 :DatabaseStatus; } }
}

interface Collection {
  describe @0 () -> (result :DescribeResult);
  upsert @1 (points :List(Point), mode :UpsertMode) -> (result :Write);
  delete @2 (ids :List(PointId)) -> (result :Write);
  get @3 (ids :List(PointId), withPayload :PayloadSelector, withVectors :VectorSelector) -> (result :Points);
  query @4 (query :Query) -> (result :QueryReply);
  queryBatch @5 (queries :List(Query)) -> (result :BatchReply);
  count @6 (filter :Filter) -> (result :CountReply);
  scroll @7 (limit :UInt32, filter :Filter, cursor :Text, withPayload :PayloadSelector,
             withVectors :VectorSelector) -> (result :Points);
  explain @8 (query :Query) -> (result :ExplainReply);
  flush @9 () -> (status :Status);
  optimize @10 () -> (status :Status);

  struct DescribeResult { union { status @0 :Status; description @1 :CollectionDescription; } }
  struct Write { union { status @0 :Status; written @1 :WriteResult; } }
  struct Points { union { status @0 :Status; page @1 :PointPage; } }
  struct QueryReply { union { status @0 :Status; answer @1 :QueryResult; } }
  struct BatchReply { union { status @0 :Status; answers @1 :List(QueryResult); } }
  struct CountReply { union { status @0 :Status; counted :group { count @1 :UInt64; filterScanned @2 :Bool; seq @3 :UInt64; epoch @4 :UInt64; } } }
  struct ExplainReply { union { status @0 :Status; plan @1 :ExplainResult; } }
}
