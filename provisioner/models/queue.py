"""What the queue remembers: who had a turn, and which workers there are."""

from django.db import models


class QueueTurn(models.Model):
    """The number of the last turn that a team had in a class of the queue; see domain/queueing.py."""

    team = models.ForeignKey("catalog.Team", on_delete=models.CASCADE, related_name="+")
    priority = models.SmallIntegerField()
    number = models.BigIntegerField()

    class Meta:
        ordering = ["-number"]
        constraints = [models.UniqueConstraint(fields=["team", "priority"], name="queue_turn_once")]

    def __str__(self) -> str:
        return f"{self.team_id}/{self.priority}: {self.number}"


class WorkerSeen(models.Model):
    """A worker process that answered when workers were last asked; `places` runs at once, of these phases."""

    name = models.CharField(max_length=255, unique=True)
    places = models.PositiveSmallIntegerField()
    plans = models.BooleanField()
    applies = models.BooleanField()
    seen_at = models.DateTimeField()

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name
