"""What goes wrong on the cloud's side, as Terraform's users see it."""

from collections.abc import Sequence


class CloudError(Exception):
    """An answer of the cloud (or of the provider) that Terraform shows as an error diagnostic.

    `path` leads to the attribute it is about; `created` says that the object exists all the same, so that Terraform
    must keep it in its state.
    """

    def __init__(
        self, summary: str, detail: str = "", path: Sequence[str | int] = (), *, created: bool = False
    ) -> None:
        super().__init__(summary)
        self.summary = summary
        self.detail = detail
        self.path = tuple(path)
        self.created = created
