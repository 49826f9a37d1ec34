"""From files to a filled audit: bind the data to the model's rows, make cases, encode, store."""

from recaudit.ingest.run import IngestRequest, ingest

__all__ = ["IngestRequest", "ingest"]
