"""Put the lines of logs, a row each until now, into chunks of many."""

import gzip
import json
from datetime import datetime

from django.db import migrations, models

_LINES = 1000
_BYTES = 256 * 1024


def lines_into_chunks(apps, schema_editor):
    """Pack each run's lines in their order; a chunk holds sequence numbers without a gap."""
    Run, Line, Chunk = (apps.get_model("provisioner", name) for name in ("Run", "RunLogLine", "RunLogChunk"))
    run_ids = Line.objects.order_by().values_list("run_id", flat=True).distinct()
    for run_id in list(run_ids):
        last = size = 0
        while lines := _next_lines(Line, run_id, last):
            rows = [
                json.dumps(
                    {"at": at.isoformat(), "phase": phase, "level": level, "address": address, "text": text},
                    ensure_ascii=False,
                    separators=(",", ":"),
                ).encode("utf-8", "replace")
                + b"\n"
                for _, at, phase, level, address, text in lines
            ]
            last = lines[-1][0]
            size += sum(len(line[5].encode("utf-8", "replace")) for line in lines)
            Chunk.objects.create(
                run_id=run_id,
                first_sequence=lines[0][0],
                last_sequence=last,
                content=gzip.compress(b"".join(rows), mtime=0),
                created_at=lines[-1][1],
            )
        Run.objects.filter(pk=run_id).update(log_last_sequence=last, log_bytes=size)


def _next_lines(Line, run_id, after):
    """Return the next lines of a run that make up one chunk."""
    lines, size = [], 0
    rows = Line.objects.filter(run_id=run_id, sequence__gt=after).order_by("sequence")
    for line in rows.values_list("sequence", "at", "phase", "level", "address", "text")[:_LINES]:
        if lines and (line[0] != lines[-1][0] + 1 or size > _BYTES):
            break
        lines.append(line)
        size += len(line[5])
    return lines


def chunks_into_lines(apps, schema_editor):
    """Unpack the chunks again. Logs that are in the archive stay there, without a page that shows them."""
    Line, Chunk = (apps.get_model("provisioner", name) for name in ("RunLogLine", "RunLogChunk"))
    for chunk_id in list(Chunk.objects.order_by("run_id", "last_sequence").values_list("pk", flat=True)):
        chunk = Chunk.objects.get(pk=chunk_id)
        documents = map(json.loads, gzip.decompress(bytes(chunk.content)).splitlines())
        Line.objects.bulk_create(
            Line(
                run_id=chunk.run_id,
                sequence=sequence,
                **{**document, "at": datetime.fromisoformat(document["at"])},
            )
            for sequence, document in enumerate(documents, start=chunk.first_sequence)
        )
        chunk.delete()


class Migration(migrations.Migration):
    dependencies = [("provisioner", "0003_plan_that_was_being_applied")]

    operations = [
        migrations.AddField(
            model_name="run",
            name="log_last_sequence",
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="run",
            name="log_bytes",
            field=models.PositiveBigIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="run",
            name="log_archive",
            field=models.CharField(blank=True, max_length=200),
        ),
        migrations.RunPython(lines_into_chunks, chunks_into_lines),
        migrations.DeleteModel(name="RunLogLine"),
    ]
