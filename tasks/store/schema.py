"""Every table: its columns, what each means, and its key. Rows are inserted, never changed."""

import pyarrow as pa

from tasks.store.schema_tombstones import TOMBSTONES
from tasks.store.schema_vectors import of_vectors
from tasks.store.schema_video import VIDEOS
from tasks.store.table import JSON, TEXT, TIME, Column, Table

OBJECTS = Table(
    "objects",
    "one row per object seen: a file at one version, on one pass",
    "object_id",
    (
        Column("object_id", TEXT, "hash of uri, version and pass"),
        Column("uri", TEXT, "where the file lay: absolute, percent-encoded"),
        Column("version", TEXT, "ETag in a bucket; size and mtime in ns in a folder"),
        Column("pass", pa.int32(), "0, plus one for each retry; views show the highest"),
        Column("content_id", TEXT, "BLAKE3 of the bytes; null where they could not be read"),
        Column("byte_size", pa.int64(), "bytes"),
        Column("modified_at", TIME, "when the store says it was last written"),
        Column("batch_id", TEXT, "batch it was planned in"),
        Column("outcome", TEXT, "sample, copy, video, reject or deferred; in the view also pending or held"),
        Column("reason", TEXT, "why it is a reject or deferred (see tasks/store/reasons.py)"),
        Column("detail", TEXT, "what the decoder or the system said"),
        Column("sample_id", TEXT, "the sample it became, or of which it is an exact copy"),
        Column("metadata", JSON, "what came with the file: camera, lens and so on"),
        Column("sensor_id", TEXT, "the camera"),
        Column("sequence_id", TEXT, "the recording that it belongs to"),
    ),
)

SAMPLES = Table(
    "samples",
    "one row per distinct image to learn from",
    "sample_id",
    (
        Column("sample_id", TEXT, "content_id of a still; hash of video, time and recipe of a frame"),
        Column("uri", TEXT, "where its pixels are"),
        Column("source_uri", TEXT, "the object that it came from"),
        Column("media", TEXT, "image or frame"),
        Column("video_uri", TEXT, "the video of a frame"),
        Column("frame_time_s", pa.float64(), "presentation time of a frame, seconds from the start of its video"),
        Column("width", pa.int32(), "pixels, upright"),
        Column("height", pa.int32(), "pixels, upright"),
        Column("format", TEXT, "JPEG, PNG, ..."),
        Column("mode", TEXT, "as stored: RGB, L, CMYK, I;16, ..."),
        Column("byte_size", pa.int64(), "bytes of the original"),
        Column("captured_at", TIME, "when the picture was taken; null if nothing says so"),
        Column("sensor_id", TEXT, "the camera"),
        Column("sequence_id", TEXT, "the recording that it belongs to"),
        Column("lat", pa.float64(), "degrees north; null unless ingest.keep_gps"),
        Column("lon", pa.float64(), "degrees east; null unless ingest.keep_gps"),
        Column("metadata", JSON, "what is said of the picture: camera, lens, path, sidecar, joined file"),
        Column("brightness", pa.float32(), "mean luma, 0 black to 1 white"),
        Column("contrast", pa.float32(), "standard deviation of luma, 0 to 0.5"),
        Column(
            "sharpness",
            pa.float32(),
            "standard deviation of the Laplacian of luma at thumbnail size, 0 is flat",
        ),
        Column("entropy", pa.float32(), "of the luma histogram, 0 to 8 bits"),
        Column("saturation", pa.float32(), "mean of HSV saturation, 0 grey to 1"),
        Column("phash", pa.binary(32), "256 signs of low DCT frequencies (see tasks/image/phash.py)"),
        Column("ringhash", pa.binary(32), "256 bits that no rotation changes (see tasks/image/ringhash.py)"),
        Column("thumbnail", pa.binary(), "JPEG of the upright picture", compressed=True),
        Column("batch_id", TEXT, "batch that brought it"),
        Column("ingested_at", TIME, "when it was committed"),
    ),
)

METADATA = Table(
    "metadata",
    "one row per change of what path, sidecar and joined files say of a file",
    "metadata_id",
    (
        Column("metadata_id", TEXT, "hash of uri and revision"),
        Column("uri", TEXT, "the file that it is about"),
        Column("revision", pa.int32(), "0, plus one for each change; views show the highest"),
        Column("origin", TEXT, "what brought the change: path, sidecar or join"),
        Column("said", JSON, "what each origin says, by its name"),
        Column("sidecar_version", TEXT, "version of the sidecar that was read"),
        Column("metadata", JSON, "all of it by precedence; null for a key that nothing says any more"),
        Column("sensor_id", TEXT, "the camera"),
        Column("sequence_id", TEXT, "the recording that it belongs to"),
        Column("captured_at", TIME, "when it was taken"),
        Column("captured_on", TIME, "start of the day of the key `date`; counts where no time is known"),
        Column("lat", pa.float64(), "degrees north; null unless ingest.keep_gps"),
        Column("lon", pa.float64(), "degrees east; null unless ingest.keep_gps"),
        Column("created_at", TIME, "when it was written"),
    ),
)

DUPLICATES = Table(
    "duplicates",
    "one row per redundant sample; groups are stars around a kept sample",
    "sample_id",
    (
        Column("sample_id", TEXT, "the redundant sample"),
        Column("kept_id", TEXT, "the kept sample it repeats"),
        Column("group_id", TEXT, "id of the star: the kept sample's id"),
        Column("kind", TEXT, "perceptual or semantic"),
        Column("distance", pa.float32(), "bits that differ (perceptual), 1 - cosine (semantic)"),
        Column("batch_id", TEXT, "batch of the redundant sample"),
    ),
)

SELECTIONS = Table(
    "selections",
    "one row per sample in a selection",
    "pick_id",
    (
        Column("pick_id", TEXT, "hash of selection and sample_id"),
        Column("selection", TEXT, "name of the selection"),
        Column("sample_id", TEXT, "the picked sample"),
        Column("rank", pa.int32(), "1 is the first pick; any prefix is a good selection"),
        Column("gain", pa.float64(), "what the pick added, in the unit of the strategy"),
        Column("reason", TEXT, "why it was picked, in words"),
        Column("created_at", TIME, "when the selection was committed"),
    ),
)

ANNOTATIONS = Table(
    "annotations",
    "one row per label event; nothing is overwritten",
    "annotation_id",
    (
        Column("annotation_id", TEXT, "hash of sample, origin, annotator, ontology, value, reference and replaces"),
        Column("sample_id", TEXT, "the labelled sample"),
        Column("origin", TEXT, "import, model, human or oracle"),
        Column("annotator", TEXT, "who"),
        Column("label_type", TEXT, "class, multilabel, boxes or masks"),
        Column("value", JSON, "the label (see tasks/labels/values.py); shapes in pixels of the upright original"),
        Column(
            "status",
            TEXT,
            "submitted, consensus or reviewed; blind for a second opinion; deleted, discarded, or outdated: to be made "
            "again since its class was split or retired",
        ),
        Column("ontology", TEXT, "name of the label schema"),
        Column("ontology_version", pa.int32(), "version of the label schema"),
        Column("seconds_spent", pa.float64(), "seconds of the annotator's time"),
        Column("created_at", TIME, "when it was made"),
        Column("replaces", TEXT, "annotation whose place it takes: corrected, deleted or carried to another ontology"),
        Column("reference", TEXT, "what it is at its origin: server, project, annotation and time, or a file"),
    ),
)

PREDICTIONS = Table(
    "predictions",
    "one row per sample and model version",
    "prediction_id",
    (
        Column("prediction_id", TEXT, "hash of sample_id and model_version"),
        Column("sample_id", TEXT, "the sample"),
        Column("model_version", TEXT, "the model: one that was trained here, or the name that an import gave"),
        Column("value", JSON, "what it predicted; of a model that was trained here, calibrated"),
        Column(
            "least_confidence", pa.float32(), "1 - probability of the likeliest class, or of the least sure of several"
        ),
        Column("margin", pa.float32(), "1 - distance between the two likeliest classes"),
        Column("entropy", pa.float32(), "of the class probabilities, 0 to 1"),
    ),
)

FINDINGS = Table(
    "findings",
    "one row per doubt about a label or a sample",
    "finding_id",
    (
        Column("finding_id", TEXT, "hash of sample, kind and what was found"),
        Column("sample_id", TEXT, "the sample; null for metadata of a file that is none"),
        Column("kind", TEXT, "what is doubted: metadata_missing, metadata_invalid, label_invalid, label_error, ..."),
        Column("annotation_id", TEXT, "the annotation that is doubted, if it is one"),
        Column("score", pa.float32(), "0 to 1, higher is more doubtful"),
        Column("reason", TEXT, "why, in words"),
        Column("suggestion", JSON, "what it might be instead, or what was wrong"),
        Column(
            "status",
            TEXT,
            "open; accepted or dismissed, once the annotation was reviewed; settled, if what was missing came later",
        ),
        Column("created_at", TIME, "when it was found"),
    ),
)

TAGS = Table(
    "tags",
    "one row per tag put on a sample",
    "tag_id",
    (
        Column("tag_id", TEXT, "hash of tag and sample_id"),
        Column("sample_id", TEXT, "the tagged sample"),
        Column("tag", TEXT, "the tag"),
        Column("by", TEXT, "who put it there"),
        Column("created_at", TIME, "when"),
    ),
)

GATES = Table(
    "gates",
    "one row per expectation judged",
    "gate_id",
    (
        Column(
            "gate_id",
            TEXT,
            "hash of subject, transition, expectation and what was judged with which settings",
        ),
        Column("subject", TEXT, "batch, selection, round of labels, snapshot or model version"),
        Column("transition", TEXT, "ingested, deduplicated, embedded, compared, selected, annotated, split or trained"),
        Column("expectation", TEXT, "what was expected, in words"),
        Column("severity", TEXT, "critical holds, warning warns"),
        Column("success", pa.bool_(), "whether it was met"),
        Column("observed", TEXT, "what was seen"),
        Column("threshold", TEXT, "what was allowed"),
        Column("run_id", TEXT, "flow run that judged"),
        Column("judged_at", TIME, "when"),
    ),
)

BATCHES = Table(
    "batches",
    "the log: one row per event, keyed by its place in the sequence",
    "seq",
    (
        Column("seq", pa.int64(), "1 for the first event, then last + 1"),
        Column("batch_id", TEXT, "batch, selection, round of labels, snapshot or model version"),
        Column("event", TEXT, "planned, staged, held, released, discarded, committing or committed"),
        Column("stage", TEXT, "ingest, dedupe, embed, compare, crops, select, label, snapshot, train or forget"),
        Column("source", TEXT, "where the objects come from"),
        Column("counts", JSON, "figures of the event"),
        Column("settings_hash", TEXT, "hash of the settings that the event rests on"),
        Column("by", TEXT, "who"),
        Column("note", TEXT, "why, in a person's words"),
        Column("at", TIME, "when"),
    ),
)

SNAPSHOTS = Table(
    "snapshots",
    "one row per snapshot: a named, immutable manifest of samples, labels and splits",
    "name",
    (
        Column("name", TEXT, "name of the snapshot"),
        Column("manifest_uri", TEXT, "where the manifest is"),
        Column("manifest_hash", TEXT, "BLAKE3 of the manifest"),
        Column("parent", TEXT, "snapshot it grew from"),
        Column("created_at", TIME, "when"),
    ),
)

TABLES = {
    table.name: table
    for table in (
        OBJECTS,
        SAMPLES,
        METADATA,
        VIDEOS,
        DUPLICATES,
        SELECTIONS,
        ANNOTATIONS,
        PREDICTIONS,
        FINDINGS,
        TAGS,
        GATES,
        BATCHES,
        SNAPSHOTS,
        TOMBSTONES,
    )
}


def table_of(name: str, rows: pa.Table) -> Table:
    """The table that `rows` belong in, by name; a table of vectors takes their length from the rows."""
    return TABLES[name] if name in TABLES else of_vectors(name, rows.schema.field("vector").type.list_size)


def key_of(name: str) -> str:
    """The key of a table, by name."""
    return TABLES[name].key if name in TABLES else of_vectors(name, 1).key
