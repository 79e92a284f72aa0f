"""The log as JSON, one object a line."""

import json
import logging
import sys
from datetime import UTC, datetime

from api.telemetry import request_id


class JsonLines(logging.Formatter):
    """Write a record as one JSON object, with the id of the request that it belongs to."""

    def format(self, record: logging.LogRecord) -> str:
        """Give the line."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            "request": request_id.get(),
            **getattr(record, "told", {}),
        }
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return json.dumps(line)


def start() -> None:
    """Write the log as JSON to the error stream, with a line for each request."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("embedstore.requests").setLevel(logging.INFO)
